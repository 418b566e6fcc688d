"""What the fidelity of a plan counts: epochs, rows that are learned from, folds, or how large a model grows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from holdfast.data.weights import relative
from holdfast.errors import RequestError, shown
from holdfast.protocol.learn import Fitted, Prepared, Recipe, fit
from holdfast.protocol.plan import FidelityTable, Plan
from holdfast.records import Config, Fidelity
from holdfast.rng import Streams
from holdfast.search.registry import traits_named
from holdfast.train.curves import JudgedRows

EPOCHS, ROWS, FOLDS = "epochs", "rows", "folds"

Kind = Literal["epochs", "rows", "folds", "hyperparameter"]

FEWEST_ROWS, THINNEST = 20, 27
"""The first rung of rows where a plan names none: this part of all of them, and no fewer."""


@dataclass(frozen=True)
class Measure:
    """What the steps of a trial are.

    Args:
        kind: what is counted; with ``"hyperparameter"`` the fidelity has its name.
        fidelity: the levels.
        whole: how many rows there are to learn from, with ``"rows"``.
        seed: of the study; every trial learns from the same rows.
    """

    kind: Kind
    fidelity: Fidelity
    whole: int = 0
    seed: int = 0

    @staticmethod
    def of(recipe: Recipe, fidelity: Fidelity, rows: int, folds: int, seed: int) -> Measure:
        """The measure of a study's fidelity, by its name, for so many train rows in so many folds (0: none)."""
        kinds: dict[str, Kind] = {ROWS: "rows", FOLDS: "folds"}
        otherwise: Kind = "epochs" if recipe.is_network else "hyperparameter"
        return Measure(kinds.get(fidelity.name, otherwise), fidelity, rows_learned(rows, folds), seed)

    def fixed(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """A plan's [space], with the hyperparameter that the fidelity sets at its full value."""
        if self.kind not in {"epochs", "hyperparameter"} or self.fidelity.name in wanted:
            return dict(wanted)
        return {**wanted, self.fidelity.name: {"type": "categorical", "choices": [self.fidelity.max]}}

    def config(self, config: Config, step: int | None) -> Config:
        """The configuration that is fitted at a step (None: in full)."""
        if step is None or self.kind != "hyperparameter":
            return config
        return {**config, self.fidelity.name: step}

    def prepared(self, prepared: Prepared, step: int | None) -> Prepared:
        """What is learned from at a step (None: in full): of rows so many, which hold those of any earlier step."""
        if self.kind != "rows" or step is None or step >= min(self.whole, len(prepared.X)):
            return prepared
        kept = nested_rows(prepared.y if prepared.task.is_classification else None, len(prepared.X), self.seed)[:step]
        kept = np.sort(kept)
        y = None if prepared.y is None else prepared.y[kept]
        weights = None if prepared.weights is None else relative(prepared.weights[kept])
        return Prepared(prepared.preprocessor, prepared.X[kept], y, prepared.task, weights)

    def fit(
        self,
        recipe: Recipe,
        config: Config,
        seed: int,
        prepared: Prepared,
        step: int | None,
        judged: JudgedRows | None = None,
    ) -> Fitted:
        """The model of a trial as it was at a step (None: in full), fitted in one go."""
        if self.kind == "epochs":
            return fit(recipe, config, seed, prepared, until_step=step, judged=judged)
        return fit(recipe, self.config(config, step), seed, self.prepared(prepared, step), judged=judged)


def nested_rows(classes: np.ndarray | None, n: int, seed: int) -> np.ndarray:
    """The order, shape (n,), in which rows are added: at random, and with ``classes`` (n,) each in proportion.

    The first r rows hold, of every class, its share of r to within one row.
    """
    draw = Streams(seed).generator(0, "rows of a fidelity")
    order = draw.permutation(n)
    if classes is None:
        return order
    place = np.empty(n)
    for each in np.unique(classes):
        mine = order[classes[order] == each]
        place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    found: np.ndarray = order[np.argsort(place[order], kind="stable")]
    return found


def rows_learned(rows: int, folds: int) -> int:
    """How many of so many train rows a trial learns from, at least: of K folds all but one."""
    return rows if folds == 0 else rows * (folds - 1) // folds


def fidelity_of(plan: Plan, recipe: Recipe, train: int, folds: int, parts: int) -> Measure | None:
    """The plan's fidelity, with what it leaves out; None where trials are not paused.

    Args:
        plan: the plan.
        recipe: its family.
        train: how many train rows there are.
        folds: in how many folds they are; 0 for none.
        parts: how many fits a trial has.

    Raises:
        RequestError: if there is no such training by steps.
    """
    table = plan.search.fidelity
    if table is None and not traits_named(plan.search.strategy).pauses:
        return None
    rows = rows_learned(train, folds)
    own = _own(plan, recipe, rows)
    table = table or FidelityTable()
    name = table.name or own.name
    ranges = {ROWS: _rungs_of_rows(rows), FOLDS: Fidelity(FOLDS, 1, max(parts, 1), 2), own.name: own}
    usual = ranges.get(name)
    if usual is None and recipe.is_network:
        raise RequestError(
            f"[search.fidelity] has name = '{name}', and trials of '{plan.model.family}' are paused by epochs, rows or "
            "folds; take one of them"
        )
    most = table.max or (None if usual is None else usual.max)
    if most is None:
        raise RequestError(f"[search.fidelity] has name = '{name}' and no max, a full training's {name}; say it")
    _check_most(name, most, {ROWS: rows, FOLDS: parts}, plan)
    if table.min and not table.max and table.min > most:
        whose = "as [space] says" if name in plan.space else f"by default of '{plan.model.family}'"
        whose = "which is all that there are" if name in {ROWS, FOLDS} else whose
        raise RequestError(
            f"[search.fidelity] has min = {table.min:,} and no max, and a full training has {most:,} {name}, {whose}; "
            "give a max that is not below min"
        )
    least = table.min or min(1 if usual is None else usual.min, most)
    if least == most:
        raise RequestError(
            f"trials are paused by {name}, from {least:,} to {most:,}, which leaves no rung to pause at; give "
            "[search.fidelity] a min below its max, or leave it out and take a strategy that does not pause"
        )
    eta = table.eta or (3 if usual is None else usual.eta)
    return Measure.of(recipe, Fidelity(name, least, most, eta), train, folds, plan.study.seed)


def _own(plan: Plan, recipe: Recipe, rows: int) -> Fidelity:
    """How the family is trained step by step, as long as its [space] says; by rows where it cannot be."""
    own = recipe.fidelity
    if own is None:
        return _rungs_of_rows(rows)
    said = plan.space.get(own.name)
    if isinstance(said, int) and not isinstance(said, bool) and said >= 1:
        return Fidelity(own.name, min(own.min, said), said, own.eta)
    return own


def _rungs_of_rows(rows: int) -> Fidelity:
    return Fidelity(ROWS, min(max(math.ceil(rows / THINNEST), FEWEST_ROWS), rows), rows, 3)


def _check_most(name: str, most: int, there: Mapping[str, int], plan: Plan) -> None:
    """Refuse more than there are, and a hyperparameter that [space] sets otherwise."""
    if name == FOLDS and there[FOLDS] < 2:
        raise RequestError(
            "[search.fidelity] has name = 'folds', and every trial is one fit; ask for folds, as in "
            "split = { folds = 5, test = 0.2 }"
        )
    if name == FOLDS and plan.metric.constraints:
        raise RequestError(
            "[search.fidelity] has name = 'folds', and [metric] has constraints, which are known after all folds only; "
            "leave out one of them"
        )
    if name in there:
        if most > there[name]:
            raise RequestError(f"[search.fidelity] has max = {most:,}; a trial has {there[name]:,} {name}")
        return
    said = plan.space.get(name)
    if said in (None, most, [most], {"type": "categorical", "choices": [most]}):
        return
    if isinstance(said, Mapping | list):
        raise RequestError(
            f"[space] has {name} = {shown(said)}, and trials are paused by {name}, so that a full training of any "
            f"configuration has {most:,}; leave it out of [space], and give max in [search.fidelity]"
        )
    raise RequestError(
        f"[search.fidelity] takes {name} to {most:,}, and [space] has {name} = {said!r}; leave one of them out"
    )
