"""From a plan to a study that is ready to search: load, type, split, seal, and put all of it on the record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from holdfast.data.columns import Schema, infer_schema
from holdfast.data.features import encode_target, has_target, to_features
from holdfast.data.fingerprint import row_hashes
from holdfast.data.leakage.check import check_accepted, find_leakage, refuse
from holdfast.data.leakage.finding import Findings
from holdfast.data.nesting import check_outer
from holdfast.data.places import IN_PLACE, check_tokens, numeric_places
from holdfast.data.provenance import environment, git_state
from holdfast.data.roles import NO_FOLD, NO_ROLE, ROLES, Roles, SplitPlan, assign_roles, check_judged
from holdfast.data.seal import SealRecord, load_role, write_roles
from holdfast.data.source import Source, load_source
from holdfast.data.uses import Seen, Use
from holdfast.durable import make_folder, write_whole
from holdfast.errors import PlanError, RequestError, SpaceError
from holdfast.evaluate.catalogue import shown_name
from holdfast.evaluate.metrics import Metric
from holdfast.log.open import check_place
from holdfast.meter.price import Price
from holdfast.protocol.batches import trials_at_once
from holdfast.protocol.constraints import checked_constraints
from holdfast.protocol.cost import check_budget, price_of
from holdfast.protocol.fidelity import Measure
from holdfast.protocol.folder import RunFolder, whole_or_none
from holdfast.protocol.inputs import check_inputs, style_of
from holdfast.protocol.learn import DEFAULT_METRICS, Recipe, is_clustering, task_of
from holdfast.protocol.limits import check_requests
from holdfast.protocol.own import recognised
from holdfast.protocol.places import checkpoints_of
from holdfast.protocol.plan import Plan, TrialTable
from holdfast.protocol.read import PlanFile
from holdfast.protocol.recorded import recipe_of, recorded_plan
from holdfast.protocol.scheduled import for_networks
from holdfast.protocol.searched import searched
from holdfast.protocol.starts import portfolio
from holdfast.records import Config, Entry, Fidelity, canonical_json
from holdfast.rng import Streams
from holdfast.search.base import Strategy
from holdfast.search.registry import make_strategy, traits_named, traits_of
from holdfast.space import Space
from holdfast.study.book import Book, entry
from holdfast.study.constraints import to_table
from holdfast.study.folds import NEVER, checked_rule
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
    asked = _asked(file, table)
    with file.at("study", "storage"):
        check_place(plan.study.storage)
    with file.at("study", "checkpoints"):
        place = checkpoints_of(plan)
    with whole_or_none(run):
        make_folder(run.path)
        seal, test_hashes = write_roles(run.path, table.frame, table.roles, table.schema, table.hashes)
        study = Study(
            asked.space,
            direction={asked.metric.name: asked.metric.direction},
            strategy=asked.strategy,
            seed=plan.study.seed,
            storage=run.storage(plan.study.storage),
            name=plan.study.name,
            fidelity=asked.fidelity,
            constraints=asked.constraints,
            duplicates=plan.search.duplicates,
            drop_folds=plan.search.drop_folds,
            deterministic=plan.search.deterministic,
            workers=_at_once(plan, asked, seal.fits) if plan.search.deterministic else 1,
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
    return Ready(plan, run, study, asked.recipe, seal)


def _at_once(plan: Plan, asked: _Asked, parts: int) -> int:
    """How many trials of a plan run at once, over all workers."""
    return plan.search.workers * trials_at_once(plan.search, asked.recipe.network_shape, asked.space, parts)


@dataclass(frozen=True, eq=False)
class _Table:
    """A typed table with the role and the hash of every row."""

    frame: pl.DataFrame
    hashes: np.ndarray
    schema: Schema
    split: SplitPlan
    roles: Roles
    findings: Findings


@dataclass(frozen=True)
class _Asked:
    """What a plan asks for beside its table, checked."""

    recipe: Recipe
    metric: Metric
    space: Space
    strategy: Strategy
    fidelity: Fidelity | None
    constraints: dict[str, str]
    requests: list[tuple[Config, str]]
    left_out: list[str]
    price: Price


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
    present = has_target(schema, source.frame)
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


def _asked(file: PlanFile, table: _Table) -> _Asked:
    plan = file.plan
    recipe = recipe_of(file, table.schema)
    with file.at("metric", "name"):
        metric = recipe.make_metric()
    with file.at("model", "ship"):
        _check_shipping(plan, table.split)
    with file.at("model"):
        check_inputs(plan.model)
    with file.at("model", "family"):
        task = task_of(recipe, len(table.roles.rows("train")), len(table.schema.features))
        default = recipe.default_space(task)
    train = table.frame[table.roles.rows("train")]
    recipe, space, measure = searched(file, recipe, task, default, train, table.split)
    fidelity = None if measure is None else measure.fidelity
    requests = []
    for number, trial in enumerate(plan.trials):
        with file.at("trials", number, "config"):
            requests.append(_request(space, number + 1, trial))
            check_requests(space, requests[-1][0], number + 1)
    with file.at("search", "strategy"):
        strategy = make_strategy(plan.search.strategy)
        if not traits_of(strategy).proposes and not plan.trials:
            raise PlanError(
                f"strategy '{strategy.name}' tries what [[trials]] hold and nothing else, and there are none; add some"
            )
    with file.at("search", "settings"):
        strategy = make_strategy(plan.search.strategy, plan.search.settings) if plan.search.settings else strategy
        strategy = for_networks(strategy, recipe, space, measure, plan)
    with file.at("search", "deterministic"):
        _check_deterministic(plan)
    with file.at("search", "drop_folds"):
        _check_dropping(plan, table.split, fidelity)
    constraints = checked_constraints(
        plan.metric.constraints,
        recipe,
        lambda name: file.at("metric", "constraints", name),
        stepwise=fidelity is not None,
    )
    with file.at("price", "country"):
        price = price_of(plan)
    check_budget(file, price)
    with file.at("search", "portfolio"):
        starts, left_out = _starts(plan, recipe, space, fidelity)
    return _Asked(recipe, metric, space, strategy, fidelity, constraints, [*requests, *starts], left_out, price)


def reopen_study(file: PlanFile, run: RunFolder, book: Book) -> Ready:
    """A study that was prepared before, if the plan is still the same.

    Raises:
        PlanError: on a changed plan, naming what differs.
        DataError: if the rows of an open role, while they are still needed, are not those that were written.
    """
    differences = different_keys(recorded_plan(book).plan.to_json(), file.plan.to_json())
    if differences:
        raise PlanError(
            f"study '{run.name}' was begun with another plan ({'; '.join(differences)}); restore it, give the new "
            f"plan another name, or delete {run.path}"
        )
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


def is_prepared(book: Book) -> bool:
    """Whether the log holds all that comes before the first trial."""
    return book.exists and "data.split" in book.state.notes


def write_plan(plan: Plan, run: RunFolder) -> None:
    """The plan with every default filled in, as TOML."""
    text = "# every key of the plan, defaults included\n" + tomli_w.dumps(_without_none(plan.to_json()))
    write_whole(run.plan, text.encode())


def different_keys(old: Any, new: Any, where: str = "") -> list[str]:
    """Sentences on what differs between two plans, such as ``[search] trials was 60 and is 80``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = dict.fromkeys([*old, *new])
        pairs = [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]
        return [text for key, a, b in pairs for text in different_keys(a, b, f"{where}.{key}" if where else key)]
    table, _, key = where.rpartition(".")
    name = f"[{table}] {key}" if table else f"[{key}]"
    was, now = ("not set" if value is None else repr(value) for value in (old, new))
    return [f"{name} was {was} and is {now}"] if old != new else []


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
        kinds = {**numeric_places(source.frame.columns, [target, split.group, split.time, *drop]), **data.columns}
    return infer_schema(
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


def _starts(
    plan: Plan, recipe: Recipe, space: Space, fidelity: Fidelity | None
) -> tuple[list[tuple[Config, str]], list[str]]:
    """The portfolio, where the plan wants it; and what was left out."""
    family = recipe.find_family()
    if not plan.search.portfolio or family is None:
        return [], []
    if fidelity is not None or traits_named(plan.search.strategy).finite:
        why = f"strategy '{plan.search.strategy}'" if fidelity is None else f"trials that are paused by {fidelity.name}"
        raise RequestError(f"[search] has portfolio = true, which does not go with {why}; leave it out")
    return portfolio(space, family.starts, plan.most_trials)


def _request(space: Space, number: int, trial: TrialTable) -> tuple[Config, str]:
    """A configuration to try first, with every value, and the reason for it."""
    try:
        return space.validate(trial.config, fill=True), trial.why
    except SpaceError as exc:
        raise SpaceError(f"[[trials]] number {number}: {exc}") from exc


def _check_shipping(plan: Plan, split: SplitPlan) -> None:
    if plan.model.ship == "scored" and split.folds is not None:
        raise PlanError(
            '[model] has ship = "scored", but with folds every score comes from several models; use "refitted", or a '
            "validation share instead of folds"
        )
    if plan.model.ship == "scored" and split.reshuffle:
        raise PlanError(
            '[model] has ship = "scored", but with reshuffle = true every trial is scored on rows of its own; use '
            '"refitted", or leave out reshuffle'
        )


def _check_deterministic(plan: Plan) -> None:
    """Refuse an end that depends on which results are there."""
    if plan.search.deterministic and (plan.search.stop is not None or plan.search.stop_gain is not None):
        key = "stop" if plan.search.stop is not None else "stop_gain"
        raise RequestError(
            f"[search] has deterministic = true and {key}, which ends the search by the results that are there at the "
            "time; leave out one of them"
        )


def _check_dropping(plan: Plan, split: SplitPlan, fidelity: Fidelity | None) -> None:
    """Refuse to drop folds where a trial has one fit only, or is trained step by step."""
    rule = plan.search.drop_folds
    if rule == NEVER:
        return
    if split.folds is None:
        own = "validation rows of its own" if split.reshuffle else "one validation part"
        raise RequestError(
            f'[search] has drop_folds = "{rule}", but every trial has {own}, so that it is one fit and none can be '
            "saved; ask for folds, as in split = { folds = 5, test = 0.2 }, or leave it out"
        )
    checked_rule(rule, fidelity, {})


def _opening_events(
    file: PlanFile, source: Source, schema: Schema, seal: SealRecord, hashes: Mapping[str, Any]
) -> list[Entry]:
    plan = file.plan.to_json()
    roles = {
        role: {"rows": seal.rows[role], "fingerprint": seal.fingerprints[role], "sha256": seal.files[role]}
        | {"file": f"{'sealed' if role == 'test' else 'data'}/{role}.arrow"}
        for role in seal.rows
    }
    path = None if file.path is None else str(file.path.resolve())
    split = {
        "source": {"description": source.description, "sha256": source.sha256},
        "schema": schema.to_json(),
        "roles": roles,
        "folds": seal.folds or None,
        "notes": [*schema.notes, *seal.notes(), *([OWN_ROWS] if file.plan.data.split.get("reshuffle") else [])],
        "seal": seal.to_json(),
        **hashes,
    }
    sha256 = hashlib.sha256(canonical_json(plan).encode()).hexdigest()
    return [
        entry("plan.resolved", {"plan": plan, "path": path, "base": str(file.base), "sha256": sha256}),
        entry("code.recorded", {"git": git_state(file.base), "environment": environment()}),
        entry("data.split", split),
        entry("budget.set", {"trials": file.plan.most_trials}),
    ]


def _without_none(value: Any) -> Any:
    """The same without null values, which TOML has no form for."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
