"""The model that ships: fitted once the choice is made, saved without pickles, and loaded without running code."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.count.told import tell
from holdfast.errors import RequestError, TamperError
from holdfast.facts.numbers import listed
from holdfast.protocol.bench import make_bench
from holdfast.protocol.choose import fit_again, fit_in_full, ships
from holdfast.protocol.learn import Fitted, Prepared, prepare
from holdfast.protocol.prepare import Ready
from holdfast.protocol.record import changed_files
from holdfast.protocol.scheduled import is_population, schedule_in
from holdfast.protocol.tables import Rows, joined, parts_of, rows_of_role
from holdfast.records import Trial
from holdfast.train.storage import LoadedModel, UntrustedTypeError, load_model, save_model


@dataclass(frozen=True, eq=False)
class Shipped:
    """The fitted winner."""

    fitted: Fitted
    prepared: Prepared
    kind: str
    text: str
    rows: int
    reproduced: bool | None


def ship(ready: Ready) -> LoadedModel:
    """The model that ships: fitted and saved on the first call, read from its file afterwards.

    A model with types that cannot be read back without being named as trusted is fitted again instead; its seed makes
    it the same.

    Raises:
        TamperError: if the saved files are not those that the log names.
    """
    notes = ready.book.state.notes
    if "model.fitted" in notes and notes["model.fitted"][-1]["files"]:
        changed = changed_files(ready.run.path, notes["model.fitted"][-1]["files"])
        if changed:
            raise TamperError(f"the model of study '{ready.run.name}' is not the one on the log: {changed[0]}")
        loaded = _load(ready.run.model)
        if loaded is not None:
            return loaded
    started = time.perf_counter()
    winner = ready.book.state.trials[notes["choice.made"][-1]["trial"]]
    shipped = _refitted(ready, winner) if ships(ready) == "refit" else _scored(ready, winner)
    meta = {
        "study": ready.run.name,
        "family": ready.plan.model.family,
        "config": winner.config,
        "schema": ready.recipe.schema.to_json(),
        "kind": shipped.kind,
        "epochs": shipped.fitted.epochs,
    }
    if winner.parent is not None:
        meta["schedule"] = schedule_in(ready.book, winner).to_json()
    fresh = LoadedModel(shipped.fitted.model, shipped.prepared.preprocessor, meta)
    if "model.fitted" in notes:
        return fresh
    files, problem = _save(ready.run.model, shipped, meta)
    event = {
        "kind": shipped.kind,
        "text": shipped.text + (f" It is not on disk, because {problem}." if problem else ""),
        "rows": shipped.rows,
        "epochs": shipped.fitted.epochs,
        "files": files,
        "seconds": time.perf_counter() - started,
        "reproduced": shipped.reproduced,
        "parameters": tell(shipped.fitted.model, shipped.prepared.preprocessor).to_json(),
    }
    ready.book.note("model.fitted", event)
    return (_load(ready.run.model) if files else None) or fresh


def _load(folder: Path) -> LoadedModel | None:
    """The saved model; None if it has types that nobody named as trusted."""
    try:
        return load_model(folder)
    except UntrustedTypeError:
        return None


def _scored(ready: Ready, winner: Trial) -> Shipped:
    """The very model that was scored, fitted again from its seed; it must score every row as it did before."""
    bench = make_bench(ready.recipe, parts_of(ready.run.path, ready.recipe.schema, folds=False))
    fitted = fit_again(ready, winner, bench.prepared[0])
    rows = bench.rows.row_scores(bench.metric, bench.truth, bench.predict(fitted.model, 0))
    reproduced: bool | None = None
    if rows is not None and winner.rows is not None:
        reproduced = bool(np.array_equal(rows.values, ready.book.get_rows(winner.rows).values))
    n = len(bench.parts[0].learn)
    text = f"The model that ships is the one that was scored: trained on {n:,} train rows{_by_schedule(ready, winner)}."
    if reproduced is False:
        text += " Fitted again from its seed it did not score every row as before, so it is a twin of the scored model."
    return Shipped(fitted, bench.prepared[0], "scored", text, n, reproduced)


def _refitted(ready: Ready, winner: Trial) -> Shipped:
    """The winner's configuration fitted on all rows but the test rows."""
    rows, names, whole = rows_of_refit(ready)
    prepared = prepare(ready.recipe, rows)
    epochs = winner.extra.get("epochs") if ready.recipe.is_network else None
    fitted = fit_in_full(ready, winner, prepared)
    what = "configuration" if winner.parent is None else "schedule"
    text = f"The model that ships is the winner's {what} refitted on {len(rows):,} {' and '.join(names)} rows"
    if len(rows) < whole:
        text += f", the latest ones, as far back as the window of {ready.split.window} reaches"
    if epochs is not None and is_population(ready.book):
        text += f", for {epochs} epochs, as when it was scored"
    elif epochs is not None:
        text += f", for {epochs} epochs: the mean that early stopping chose when it was scored, rounded up"
    return Shipped(fitted, prepared, "refitted", f"{text}.", len(rows), None)


def _by_schedule(ready: Ready, winner: Trial) -> str:
    """That its hyperparameters changed while it was trained, where they did."""
    if winner.parent is None:
        return ""
    pieces = schedule_in(ready.book, winner).pieces
    return f" by a schedule of {len(pieces)} configurations, those of trials {listed([str(p.trial) for p in pieces])}"


def rows_of_refit(ready: Ready) -> tuple[Rows, list[str], int]:
    """All rows but the test rows, as far as a refit takes them; the names of their roles, and how many there are."""
    names = [role for role in ("train", "validation", "select") if role in ready.seal.rows]
    parts = [rows_of_role(ready.run.path, role, ready.recipe.schema) for role in names]  # type: ignore[arg-type]
    return joined([part.for_final_fit(refit=True) for part in parts]), names, sum(len(part) for part in parts)


def _save(folder: Path, shipped: Shipped, meta: dict[str, Any]) -> tuple[dict[str, str], str | None]:
    """Write the model's files; their SHA-256 by name, and the reason where it cannot be saved without pickles."""
    if folder.exists():
        shutil.rmtree(folder)
    try:
        save_model(folder, shipped.fitted.model, shipped.prepared.preprocessor, meta)
    except RequestError as exc:
        return {}, str(exc)
    files = {
        path.relative_to(folder.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }
    return files, None
