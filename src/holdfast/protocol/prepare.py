"""From a plan to a study that is ready to search: load, type, split, seal, and put all of it on the record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from holdfast.data.columns import Schema, check_names, infer_schema
from holdfast.data.features import encode_target, has_target, to_features
from holdfast.data.fingerprint import row_hashes
from holdfast.data.kinds import KEPT
from holdfast.data.leakage.check import check_accepted, find_leakage, refuse
from holdfast.data.leakage.finding import Findings
from holdfast.data.nesting import check_outer
from holdfast.data.places import IN_PLACE, check_tokens, numeric_places
from holdfast.data.provenance import environment, git_state
from holdfast.data.roles import NO_FOLD, NO_ROLE, ROLES, Roles, SplitPlan, assign_roles, check_judged
from holdfast.data.seal import SealRecord, load_role, open_file, write_roles
from holdfast.data.source import Source, load_source
from holdfast.data.uses import Seen, Use
from holdfast.data.weights import check_weight, counting, with_weight
from holdfast.durable import make_folder, write_whole
from holdfast.errors import PlanError
from holdfast.evaluate.catalogue import shown_name
from holdfast.log.open import check_place
from holdfast.protocol.asked import Known, asked_of
from holdfast.protocol.differences import beside_space, different_keys
from holdfast.protocol.fidelity import Measure
from holdfast.protocol.folder import RunFolder, command, whole_or_none
from holdfast.protocol.inputs import style_of
from holdfast.protocol.learn import DEFAULT_METRICS, Recipe, is_clustering
from holdfast.protocol.own import recognised
from holdfast.protocol.places import checkpoints_of
from holdfast.protocol.plan import Plan
from holdfast.protocol.read import PlanFile
from holdfast.protocol.recorded import recipe_of, recorded_plan
from holdfast.records import Entry, canonical_json
from holdfast.rng import Streams
from holdfast.search.registry import make_strategy
from holdfast.study.book import Book, entry
from holdfast.study.constraints import to_table
from holdfast.study.study import Study
from holdfast.train.factory import load_factory

if TYPE_CHECKING:
    import polars as pl


OWN_ROWS = "train and validation rows were drawn anew for every trial, from those of both roles"
"""What ``reshuffle = true`` does."""


@dataclass(frozen=True)
class Ready:
    """A study that is ready to search, with what the later steps need to know of its data."""

    plan: Plan
    run: RunFolder
    study: Study
    recipe: Recipe
    seal: SealRecord

    @property
    def book(self) -> Book:
        """The study's log and state."""
        return self.study.book

    @property
    def folds(self) -> bool:
        """Whether folds take turns as validation rows."""
        return self.seal.folds > 0

    @property
    def reshuffled(self) -> bool:
        """Whether every trial has validation rows of its own."""
        return self.split.reshuffle

    @property
    def split(self) -> SplitPlan:
        """How the rows were divided."""
        return SplitPlan.from_mapping(dict(self.plan.data.split), seed=self.plan.study.seed)

    @property
    def measure(self) -> Measure | None:
        """By what trials pause and resume; None where they do not."""
        fidelity = self.book.state.settings.fidelity
        if fidelity is None:
            return None
        return Measure.of(self.recipe, fidelity, self.seal.rows["train"], self.seal.folds, self.plan.study.seed)

    def close(self) -> None:
        """Release the study's log, so that its file is whole without the files that SQLite keeps beside an open one."""
        self.study.close()


def prepare_study(file: PlanFile, run: RunFolder, uses: Sequence[Use] = ()) -> Ready:
    """Everything before the first trial. Nothing is left behind if the request turns out to be wrong.

    ``uses`` are the rows that were looked at before in the store.
    """
    plan = file.plan
    source, table = _load(file, uses)
    asked = asked_of(file, table.known)
    found = asked.search
    with file.at("study", "storage"):
        check_place(plan.study.storage)
    with file.at("study", "checkpoints"):
        place = checkpoints_of(plan)
    with whole_or_none(run):
        make_folder(run.path)
        seal, test_hashes = write_roles(run.path, table.frame, table.roles, table.schema, table.hashes)
        study = Study(
            found.space,
            direction={found.metric.name: found.metric.direction},
            strategy=found.strategy,
            seed=plan.study.seed,
            storage=run.storage(plan.study.storage),
            name=plan.study.name,
            fidelity=found.fidelity,
            constraints=asked.constraints,
            duplicates=plan.search.duplicates,
            drop_folds=plan.search.drop_folds,
            deterministic=plan.search.deterministic,
            workers=found.at_once(plan, seal.fits) if plan.search.deterministic else 1,
            checkpoints=place,
        )
        write_plan(plan, run)
        blobs = {which: {"blob": study.book.log.put(rows.tobytes())} for which, rows in _by_use(table).items()}
        hashes = {"test_hashes": {"blob": study.book.log.put(test_hashes)}, "row_hashes": blobs}
        opening = _opening_events(file, source, table.schema, seal, hashes)
        checked = {**table.findings.to_json(), "strict": plan.data.strict, "accept": list(plan.data.accept)}
        opening.append(entry("leakage.checked", checked))
        opening += [entry("price.set", asked.price.to_json()), entry("limits.set", plan.budget.limits().to_json())]
        wishes = [entry("config.enqueued", {"config": config, "why": why}) for config, why in asked.requests]
        wishes += [entry("start.skipped", {"text": text}) for text in asked.left_out]
        if plan.search.stop_gain is not None or plan.search.stop is not None:
            opening.append(entry("stop.set", {"gain": plan.search.stop_gain, "rule": plan.search.stop}))
        study.book.commit(lambda _: ([*opening, *wishes], None))
    return Ready(plan, run, study, found.recipe, seal)


@dataclass(frozen=True, eq=False)
class _Table:
    """A typed table with the role and the hash of every row."""

    frame: pl.DataFrame
    hashes: np.ndarray
    schema: Schema
    split: SplitPlan
    roles: Roles
    findings: Findings

    @property
    def known(self) -> Known:
        """What the rest of the plan is checked by."""
        return Known(self.schema, self.split, self.frame[self.roles.rows("train")])


def _load(file: PlanFile, uses: Sequence[Use]) -> tuple[Source, _Table]:
    data = file.plan.data
    with file.at("model", "family"):
        is_clustering(file.plan.model.family)
    with file.at("data", "source"):
        source = load_source(data.source, base=file.base)
    with file.at("data", "split"):
        split = SplitPlan.from_mapping(dict(data.split), seed=file.plan.study.seed)
    with file.at("data"):
        schema = _schema(file.plan, source, split)
    with file.at("data", "accept"):
        check_accepted(data.accept, source.frame.columns)
        if style_of(file.plan.model) == "tokens":
            check_tokens(to_features(schema, source.frame))
    present = has_target(schema, source.frame) & counting(schema, source.frame)
    frame = source.frame.filter(present)
    y = None if schema.target is None else encode_target(schema, frame)
    with file.at("data", "split"):
        roles = assign_roles(schema, frame, y, split)
        check_judged(frame, roles, split)
        check_outer(schema, frame[np.flatnonzero(~np.isin(roles.role, ["test", NO_ROLE]))], split)
        _check_budget_of_outer(file.plan, split)
    seen = Seen(row_hashes(frame), uses)
    findings = find_leakage(
        schema,
        frame,
        y,
        roles,
        numbers=np.flatnonzero(present),
        seed=file.plan.study.seed,
        seen=seen,
        metric=shown_name(file.plan.metric.name or DEFAULT_METRICS[schema.task]),
    ).with_accepted(data.accept)
    if data.strict:
        with file.at("data", "strict"):
            refuse(findings)
    return source, _Table(frame, seen.hashes, schema, split, roles, findings)


def _by_use(table: _Table) -> dict[str, np.ndarray]:
    """The hashes of the rows that trials are judged on, of those that they only learn from, and of select rows."""
    role, train = table.roles.role, table.roles.role == "train"
    judged = (role == "validation") | (train & ((table.roles.fold != NO_FOLD) | table.split.reshuffle))
    uses = {"judged": judged, "learned": train & ~judged, "select": role == "select"}
    return {which: table.hashes[rows] for which, rows in uses.items() if rows.any()}


def _check_budget_of_outer(plan: Plan, split: SplitPlan) -> None:
    """Refuse limits that searches in outer folds would not keep to."""
    limited = [name for name in ("hours", "usd", "kwh", "kg_co2e", "disk") if getattr(plan.budget, name) is not None]
    if split.nested is not None and limited:
        raise PlanError(
            f"the split has nested = {split.nested} and [budget] limits {limited[0]}; searches in outer folds keep to "
            "a number of trials only, so leave out one of them"
        )


def reopen_study(file: PlanFile, run: RunFolder, book: Book) -> Ready:
    """A study that was prepared before, if the plan is still the same.

    Raises:
        PlanError: on a changed plan, naming what differs.
        RequestError: if the changed plan cannot be meant, and could not be that of a new study either.
        DataError: if the rows of an open role, while they are still needed, are not those that were written.
    """
    differences = different_keys(recorded_plan(book).plan.to_json(), file.plan.to_json())
    if differences:
        check_again(file, run, book)
        raise _another_plan(file, run, book, differences)
    split = book.state.notes["data.split"][0]
    seal = SealRecord.from_json(split["seal"])
    if "model.fitted" not in book.state.notes:
        for role in ROLES:
            if role in seal.rows and role != "test":
                load_role(run.path, role, seal)
    recipe = recipe_of(file, Schema.from_json(split["schema"]))
    if "choice.made" not in book.state.notes and ":" in recipe.family:
        load_factory(recipe.family, recipe.base)  # a module that is gone must not cost the trials that are left
    settings = book.state.settings
    if "model.fitted" not in book.state.notes and ":" in recipe.family and settings.space is not None:
        recipe = recognised(recipe, settings.space, Streams(settings.seed).generator(-1, "check"))
    study = Study(
        settings.space,
        direction=settings.directions,
        strategy=make_strategy(settings.strategy, settings.strategy_settings),
        seed=settings.seed,
        storage=run.storage(file.plan.study.storage),
        name=settings.name,
        fidelity=settings.fidelity,
        constraints=to_table(settings.constraints),
        duplicates=settings.duplicates,
        drop_folds=settings.drop_folds,
        deterministic=settings.workers is not None,
        workers=settings.workers or 1,
    )
    return Ready(file.plan, run, study, recipe, seal)


def _another_plan(file: PlanFile, run: RunFolder, book: Book, differences: Sequence[str]) -> PlanError:
    """The error of a plan that is not the one on record, with the ways out."""
    notes = book.state.notes
    done = "was begun with" if len(notes["plan.resolved"]) == 1 else "was amended to"
    said = f"study '{run.name}' {done} another plan ({'; '.join(differences)})"
    others = f"restore it, give the new plan another name, or delete {run.path}"
    old, new = (beside_space(plan.to_json()) for plan in (recorded_plan(book).plan, file.plan))
    if old == new and not {"choice.made", "limits.reached"} & set(notes):
        door = 'holdfast.amend(plan, why="the reason")'
        if file.path is not None:
            door = command(run.runs, "amend", str(file.path), "--why", "the reason")
        return PlanError(f"{said}; to search the changed space from here on: {door}; otherwise {others}")
    return PlanError(f"{said}; {others}")


def check_again(file: PlanFile, run: RunFolder, book: Book) -> None:
    """Refuse a changed plan that could not be that of a new study: a key that does not exist, for example.

    What names columns, and what [space] and [search] hold, is known from the rows that the study has, as far as these
    are there and would be the same.

    Raises:
        RequestError: as `prepare_study` does.
    """
    old, new = recorded_plan(book).plan, file.plan
    with file.at("data", "split"):
        split = SplitPlan.from_mapping(dict(new.data.split), seed=new.study.seed)
    if new.data.source != old.data.source or not open_file(run.path, "train").exists():
        return
    known = known_rows(file, run, book)
    with file.at("data"):
        _check_columns(new, known, split)
    same_rows = (new.data, new.study.seed) == (old.data, old.study.seed)
    same_models = all(
        getattr(new.model, key) == getattr(old.model, key) for key in ("family", "preprocessing", "image_shape")
    )
    if same_rows and same_models:
        asked_of(file, known)


def _check_columns(plan: Plan, known: Known, split: SplitPlan) -> None:
    """Refuse names of columns that the table of a study does not have."""
    data = plan.data
    lists = {"drop": data.drop, "sensitive": data.sensitive, "slices": data.slices}
    helpers = {"group": [split.group] if split.group else [], "time": [split.time] if split.time else []}
    helpers["weight"] = [] if data.weight is None else [data.weight]
    wishes = {**dict.fromkeys(data.drop, "drop"), **data.columns}
    check_names(known.train, data.target or known.schema.target, wishes, {**lists, **helpers})


def known_rows(file: PlanFile, run: RunFolder, book: Book) -> Known:
    """What is known of the table of a study that was prepared before.

    Raises:
        DataError: if its train rows are gone or were changed.
    """
    split = book.state.notes["data.split"][0]
    train = load_role(run.path, "train", SealRecord.from_json(split["seal"]))
    plan = SplitPlan.from_mapping(dict(file.plan.data.split), seed=file.plan.study.seed)
    return Known(Schema.from_json(split["schema"]), plan, train.drop(KEPT, strict=False))


def is_prepared(book: Book) -> bool:
    """Whether the log holds all that comes before the first trial."""
    return book.exists and "data.split" in book.state.notes


def write_plan(plan: Plan, run: RunFolder) -> None:
    """The plan with every default filled in, as TOML."""
    text = "# every key of the plan, defaults included\n" + tomli_w.dumps(_without_none(plan.to_json()))
    write_whole(run.plan, text.encode())


def _schema(plan: Plan, source: Source, split: SplitPlan) -> Schema:
    data = plan.data
    task = data.task or ("clustering" if is_clustering(plan.model.family) else None)
    target = data.target or source.default_target
    if task == "clustering":
        target = data.target
    elif target is None:
        columns = ", ".join(source.frame.columns[:8]) + (", ..." if len(source.frame.columns) > 8 else "")
        raise PlanError(
            f"[data] lacks 'target', the column of '{data.source}' to predict (it has {columns}); "
            'for clustering say task = "clustering"'
        )
    drop = list(data.drop)
    if task == "clustering" and target is None and source.default_target is not None:
        drop.append(source.default_target)
    kinds: Mapping[str, str] = data.columns
    if style_of(plan.model) in IN_PLACE:
        others = [target, split.group, split.time, data.weight, *drop]
        kinds = {**numeric_places(source.frame.columns, others), **data.columns}
    if data.weight is not None:
        taken = {"target": target, "group of the split": split.group, "time of the split": split.time}
        check_weight(source.frame, data.weight, taken, data.columns)
        drop.append(data.weight)
    schema = infer_schema(
        source.frame,
        target,
        task=task,
        overrides=kinds,
        drop=drop,
        group=split.group,
        time=split.time,
        sensitive=data.sensitive,
        slices=data.slices,
    )
    return schema if data.weight is None else with_weight(schema, source.frame, data.weight)


def _opening_events(
    file: PlanFile, source: Source, schema: Schema, seal: SealRecord, hashes: Mapping[str, Any]
) -> list[Entry]:
    roles = {
        role: {"rows": seal.rows[role], "fingerprint": seal.fingerprints[role], "sha256": seal.files[role]}
        | {"file": f"{'sealed' if role == 'test' else 'data'}/{role}.arrow"}
        for role in seal.rows
    }
    split = {
        "source": {"description": source.description, "sha256": source.sha256},
        "schema": schema.to_json(),
        "roles": roles,
        "folds": seal.folds or None,
        "notes": [*schema.notes, *seal.notes(), *([OWN_ROWS] if file.plan.data.split.get("reshuffle") else [])],
        "seal": seal.to_json(),
        **hashes,
    }
    return [
        plan_event(file),
        entry("code.recorded", {"git": git_state(file.base), "environment": environment()}),
        entry("data.split", split),
        entry("budget.set", {"trials": file.plan.most_trials}),
    ]


def plan_event(file: PlanFile) -> Entry:
    """The event that holds the plan which a study goes by from here on."""
    plan, path = file.plan.to_json(), None if file.path is None else str(file.path.resolve())
    sha256 = hashlib.sha256(canonical_json(plan).encode()).hexdigest()
    return entry("plan.resolved", {"plan": plan, "path": path, "base": str(file.base), "sha256": sha256})


def _without_none(value: Any) -> Any:
    """The same without null values, which TOML has no form for."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
