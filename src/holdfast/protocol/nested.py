"""Nested cross-validation: the whole search within the rows of every outer fold, and its winner judged on the fold.

What it says is about the procedure, not about the model that ships, which comes from the search on all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.kinds import KEPT, ROW
from holdfast.data.nesting import inner_keys, inner_seed, outer_pairs
from holdfast.data.roles import ROLES
from holdfast.data.seal import load_role
from holdfast.data.split import PROCEDURE
from holdfast.errors import HoldfastError, LogError, RequestError, SealError
from holdfast.evaluate.metrics import Metric
from holdfast.execute.base import Executor
from holdfast.log.open import exists, open_log
from holdfast.meter.energy import NoMeter
from holdfast.meter.price import Price
from holdfast.protocol.choose import choose
from holdfast.protocol.drive import search
from holdfast.protocol.folder import RunFolder, make_room
from holdfast.protocol.learn import predict
from holdfast.protocol.metering import StudyMeter
from holdfast.protocol.plan import BudgetTable, DataTable, Plan, PriceTable
from holdfast.protocol.prepare import Ready, is_prepared, prepare_study, reopen_study
from holdfast.protocol.read import PlanFile
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.ship import ship
from holdfast.protocol.tables import rows_of_frame
from holdfast.records import Score, array_from_bytes, array_to_bytes
from holdfast.stats.procedure import ALL_EQUAL, RESAMPLED_T, procedure_interval, pseudo_values
from holdfast.study.book import Book

if TYPE_CHECKING:
    import polars as pl

NARROW = "The interval is rather too narrow than too wide where folds are few."
WITHOUT_SPREAD = "All outer folds have the same score, which says nothing of how much such scores vary."
TOGETHER = (
    "The predictions of all outer folds are scored together, as such a metric of the few rows of one fold is biased; "
    "the mean of the folds' own scores is {mean}. The interval is of what each fold adds (pseudo-values)."
)


def search_in_every_fold(ready: Ready, executor: Executor | None) -> None:
    """Search within every outer fold that is not on record yet, and put the score of the procedure on record.

    Each search is a study of its own, under ``nested`` in the folder of the run, on the plan's own terms; one that was
    interrupted goes on where it was. One that fails costs the score of the procedure, and nothing else: the record says
    why.
    """
    if ready.split.nested is None or "procedure.estimated" in ready.book.state.notes:
        return
    frame = _open_frame(ready)
    done = {note["fold"] for note in ready.book.state.notes.get("procedure.scored", [])}
    for k, (learn, judge) in enumerate(outer_pairs(ready.recipe.schema, frame, ready.split)):
        if k in done:
            continue
        try:
            event = _one_fold(ready, executor, k, frame[learn], frame[judge])
        except HoldfastError as exc:
            if isinstance(exc, RequestError | LogError | SealError):
                raise
            ready.book.note(
                "procedure.estimated", {"score": None, "missing": f"outer fold {k}: {exc}", "sentences": []}
            )
            return
        ready.book.note("procedure.scored", {"fold": k, **event})
    notes = [dict(note) for note in ready.book.state.notes["procedure.scored"]]
    ready.book.note("procedure.estimated", _estimated(ready, notes))


def _open_frame(ready: Ready) -> pl.DataFrame:
    """All rows but the test rows, in the table's order, with their numbers."""
    import polars as pl

    present = [role for role in ROLES if role in ready.seal.rows and role != "test"]
    frames = [load_role(ready.run.path, role, ready.seal) for role in present]
    unwanted = [name for name in KEPT if name != ROW]
    return pl.concat([frame.drop(unwanted, strict=False) for frame in frames]).sort(ROW)


def _one_fold(
    ready: Ready, executor: Executor | None, k: int, learn: pl.DataFrame, judge: pl.DataFrame
) -> dict[str, Any]:
    """The score, on an outer fold, of the winner of a search on the rest."""
    run = RunFolder(ready.run.path / "nested", f"outer-{k}")
    with _inner_study(ready, run, learn, inner_seed(ready.split, k)) as inner:
        meter = StudyMeter(inner.book, Price(), NoMeter())
        search(inner, meter, executor, None)
        choose(inner, counted=False)
        model = ship(inner)
        choice = inner.book.state.notes["choice.made"][-1]
        rows = rows_of_frame(judge, inner.recipe.schema)
        metric, classes = inner.recipe.make_metric(), inner.recipe.schema.classes
        X = np.asarray(model.preprocessor.transform(rows.features), dtype=float)
        prediction = predict(model.model, metric, X, 0 if classes is None else len(classes))
        value = metric.value(X if rows.y is None else rows.y, prediction)
        if not np.isfinite(value):
            raise HoldfastError(
                f"the metric '{metric.name}' is {value} on outer fold {k}, which has {len(rows)} rows; take fewer "
                "outer folds, or another metric, in a plan of another name"
            )
        head = {"length": inner.book.head.length, "hash": inner.book.head.hash}
        found = {"value": value, "config": choice["config"], "learned": len(learn), "judged": len(judge), "log": head}
        if _is_put_together(metric) and classes == ready.recipe.schema.classes:
            found["predicted"] = {"blob": ready.book.log.put(array_to_bytes(np.asarray(prediction)))}
        return found


@contextmanager
def _inner_study(ready: Ready, run: RunFolder, learn: pl.DataFrame, seed: int) -> Iterator[Ready]:
    """The study of an outer fold, begun or gone on with."""
    make_room(run)
    table = run.runs / f"{run.name}.arrow"
    if not table.exists():
        learn.select(_used(ready.recipe.schema)).write_ipc(table)
    plan = _inner_plan(ready, run.name, table, seed)
    file = PlanFile(plan, None, recorded_plan(ready.book).base)
    storage = run.storage(None)
    book = Book(open_log(storage, run.name)) if exists(storage, run.name) else None
    if book is not None:
        book.log.close()
    is_begun = book is not None and is_prepared(book)
    with closing(reopen_study(file, run, book) if book is not None and is_begun else prepare_study(file, run)) as inner:
        yield inner


def _used(schema: Schema) -> list[str]:
    """The columns that the search in an outer fold needs: features, group, time and target, and no dropped one."""
    used = [column.name for column in schema.columns if column.feature or column.name in {schema.group, schema.time}]
    return used if schema.target is None else [*used, schema.target]


def _inner_plan(ready: Ready, name: str, table: Path, seed: int) -> Plan:
    """The plan for the rows of an outer fold: the same search, model and metric, kinds of features as found, no test.

    A kind would make a feature of the group or the time, so they have none here unless they are features.
    """
    plan, schema = ready.plan, ready.recipe.schema
    data = DataTable(
        source=str(table.resolve()),
        target=schema.target,
        task=schema.task,
        split=inner_keys(ready.split),
        columns={column.name: column.kind for column in schema.features},
    )
    study = plan.study.model_copy(update={"name": name, "storage": None, "seed": seed})
    budget = BudgetTable(trials=plan.budget.trials)
    wanted = {"study": study, "data": data, "price": PriceTable(), "budget": budget}
    return plan.model_copy(update=wanted)


def _is_put_together(metric: Metric) -> bool:
    """Whether the predictions of all outer folds are scored together: classes and numbers, by what is no mean of rows.

    R², F1 or the RMSE of the few rows of one fold are biased, and so is their mean; as in a plan's own folds.
    """
    return metric.pools_folds and not (metric.decomposable and metric.aggregate == "mean")


def _estimated(ready: Ready, notes: list[dict[str, Any]]) -> dict[str, Any]:
    """The score of the procedure, from those of the outer folds, and what to know of it."""
    notes = sorted(notes, key=lambda note: note["fold"])
    values = np.array([note["value"] for note in notes], dtype=float)
    learned, judged = (round(float(np.mean([note[key] for note in notes]))) for key in ("learned", "judged"))
    n = sum(note["judged"] for note in notes)
    metric, truths = ready.recipe.make_metric(), _truths(ready)
    together = _together(ready, notes, truths, metric)
    found = procedure_interval(
        values if together is None else together[1],
        learned,
        judged,
        bounds=metric.range,
        right_or_wrong=_independent(ready, n) if metric.name == "accuracy" else None,
        rarest=_rarest(ready, truths),
        pooled=None if together is None else together[0],
    )
    searched = f"For each of {len(notes)} outer folds a search of its own was run on all other rows, about {learned:,}"
    sentences = [
        f"{searched}; what is scored is the procedure on so many rows, and not the model that ships.",
        NARROW if found.method == RESAMPLED_T else WITHOUT_SPREAD,
    ]
    method = f"nested cross-validation{',' if found.method == ALL_EQUAL else ' with a'} {found.method}"
    if together is not None:
        mean = f"{float(values.mean()):.4g}"
        sentences.append(TOGETHER.format(mean=mean))
        apart = "" if mean == f"{found.value:.4g}" else f", whose mean is {mean}"
        method = f"{method}; of all outer folds together{apart}"
    if ready.split.time is not None:
        sentences.append("Outer folds follow time, so that later searches had more rows than earlier ones.")
    score = Score(found.value, found.low, found.high, 0.95, method, PROCEDURE, n)
    return {"score": score.to_json(), "missing": None, "sentences": sentences}


def _truths(ready: Ready) -> list[np.ndarray]:
    """The targets that each outer fold was judged by; none where there are no targets."""
    frame = _open_frame(ready)
    pairs = outer_pairs(ready.recipe.schema, frame, ready.split)
    found = [rows_of_frame(frame[judge], ready.recipe.schema).y for _, judge in pairs]
    return [y for y in found if y is not None]


def _together(
    ready: Ready, notes: list[dict[str, Any]], truths: list[np.ndarray], metric: Metric
) -> tuple[float, np.ndarray] | None:
    """The metric of the predictions of all outer folds, and its pseudo-values; None where they are not put together."""
    if not _is_put_together(metric) or not all("predicted" in note for note in notes):
        return None
    predicted = [array_from_bytes(ready.book.log.get(note["predicted"]["blob"])) for note in notes]
    y, said = np.concatenate(truths), np.concatenate(predicted)
    fold = np.repeat(np.arange(len(truths)), [len(own) for own in truths])
    pooled = metric.value(y, said)
    without = np.array([metric.value(y[fold != k], said[fold != k]) for k in range(len(truths))])
    return (pooled, pseudo_values(pooled, without)) if np.isfinite([pooled, *without]).all() else None


def _rarest(ready: Ready, truths: list[np.ndarray]) -> int | None:
    """The rows of the rarest class of every outer fold together, groups at most; None if there are none, or unknown."""
    classes = ready.recipe.schema.classes
    if classes is None:
        return None
    count = sum(int(np.bincount(y.astype(int), minlength=len(classes)).min()) for y in truths)
    return _independent(ready, count) or None


def _independent(ready: Ready, n: int) -> int | None:
    """How many of n judged rows are independent, at most as many as there are groups; unknown in the order of time."""
    if ready.split.time is not None:
        return None
    return n if ready.split.group is None else min(n, int(_open_frame(ready)[ready.split.group].n_unique()))
