"""How much work a plan asks for: trials, fits and bytes, before anything has run."""

from __future__ import annotations

import math
from typing import Any

from holdfast.data.roles import ROLES
from holdfast.facts.numbers import listed
from holdfast.meter.forecast import Shape
from holdfast.protocol.choose import ships
from holdfast.protocol.opened_curve import trains_again
from holdfast.protocol.prepare import Ready
from holdfast.records import Fidelity
from holdfast.search.auto import Auto, choose
from holdfast.search.base import Strategy
from holdfast.search.bohb import Bohb
from holdfast.search.freeze_thaw import FreezeThaw
from holdfast.search.gp import GaussianProcess
from holdfast.search.grid import GridSearch, grid_points
from holdfast.search.hyperband import Hyperband
from holdfast.search.manual import Manual
from holdfast.search.pbt import PopulationBasedTraining, interval_of
from holdfast.search.priorband import PriorBand
from holdfast.search.registry import make_strategy, traits_of
from holdfast.search.rungs.brackets import brackets

GP_SECONDS_PER_ASK = 0.03
"""What a proposal of the Gaussian process takes on one core in the first hundred trials; three times that at a thousand
(benchmarks/overhead.py)."""


def strategy_of(ready: Ready) -> Strategy:
    """The strategy that will propose: the one that 'auto' chooses, where the plan leaves it to that."""
    settings = ready.book.state.settings
    asked = make_strategy(settings.strategy, settings.strategy_settings)
    return choose(ready.study.history)[0] if isinstance(asked, Auto) else asked


def grid_size(ready: Ready) -> int | None:
    """The points of the full grid, where the strategy is one."""
    strategy, space = strategy_of(ready), ready.book.state.settings.space
    if not isinstance(strategy, GridSearch) or space is None:
        return None
    return len(grid_points(space, strategy.resolution))


def shape_of(ready: Ready) -> Shape:
    """The shape of a prepared study."""
    strategy = strategy_of(ready)
    fidelity = ready.book.state.settings.fidelity
    stepwise = fidelity is not None and traits_of(strategy).pauses
    paced = _paced(ready, strategy, fidelity) if stepwise and fidelity is not None else {}
    judged = ready.seal.rows["train"] - ready.seal.unjudged if ready.folds else ready.seal.rows.get("validation", 0)
    return Shape(
        trials=_trials(ready, strategy),
        parts=ready.seal.fits,
        folds=ready.seal.folds,
        searches=1 + (ready.split.nested or 0),
        rungs=fidelity.rungs() if stepwise and fidelity is not None else (1,),
        eta=fidelity.eta if fidelity is not None else 3,
        finalists=ready.plan.search.finalists if "select" in ready.seal.rows else 0,
        refits=ships(ready) == "refit",
        trains_again=trains_again(ready),
        workers=ready.plan.search.workers,
        seconds_per_ask=GP_SECONDS_PER_ASK if isinstance(strategy, GaussianProcess) else 0.0,
        data_bytes=float(sum(_size(ready, role) for role in ready.seal.rows)),
        row_bytes=8.0 * judged * _columns(ready),
        hyperparameters=len(ready.book.state.history.space or ()),
        **paced,
    )


def _paced(ready: Ready, strategy: Strategy, fidelity: Fidelity) -> dict[str, Any]:
    """How a strategy leads trials through their training, where it is not from rung to rung from the first one on."""
    history, trials = ready.study.history, _trials(ready, strategy)
    if isinstance(strategy, PopulationBasedTraining):
        return {
            "members": min(strategy.size(history), trials),
            "intervals": math.ceil(fidelity.max / interval_of(fidelity, strategy.interval)),
        }
    if isinstance(strategy, Hyperband | PriorBand) or (isinstance(strategy, Bohb) and strategy.brackets == "hyperband"):
        found = brackets(history, fidelity)
        begun = [int(bracket) for bracket in found.of if bracket >= 0]
        firsts = begun + found.following(max(trials - len(begun), 0))
        starts = tuple(firsts.count(bracket) for bracket in range(len(found.sizes)))
        return {"starts": starts} if any(starts[1:]) else {}
    return {"by_curves": isinstance(strategy, FreezeThaw)}


def _trials(ready: Ready, strategy: Strategy) -> int:
    """The trials that there will be at most: fewer than allowed where the space or the requests are used up."""
    asked = ready.plan.most_trials
    requests = ready.book.state.requests
    space = ready.book.state.settings.space
    if isinstance(strategy, Manual):
        return min(asked, requests)
    if isinstance(strategy, GridSearch):
        return min(asked, max(grid_size(ready) or 0, requests))
    count = None if space is None else space.count()
    return asked if count is None else min(asked, count)


def _size(ready: Ready, role: str) -> int:
    folder = "sealed" if role == "test" else "data"
    path = ready.run.path / folder / f"{role}.arrow"
    return path.stat().st_size if role in ROLES and path.exists() else 0


def _columns(ready: Ready) -> int:
    """Numbers that are kept for each judged row: predictions by class where the metric is no mean over rows."""
    metric = ready.recipe.make_metric()
    classes = ready.recipe.schema.classes
    if metric.needs == "predict_proba" and classes is not None:
        return len(classes) * ready.seal.rounds
    return 1 if metric.decomposable else ready.seal.rounds


def fits_in_words(shape: Shape) -> str:
    """How the number of fits comes about, such as ``60 trials × 5 folds``."""
    parts = [f"{shape.trials:,} trial{'' if shape.trials == 1 else 's'}"]
    if shape.parts > 1:
        parts.append(f"{shape.folds or shape.parts} folds")
        parts += [f"{shape.parts // shape.folds} repeats"] if shape.parts > shape.folds > 0 else []
    if shape.members:
        parts[0] += f" at most, in a population of {shape.members:,}"
        parts.append(f"{shape.intervals} intervals of training for each member")
    elif shape.by_curves:
        parts.append("a little training at a time, for those of which a model of the learning curves expects the most")
    elif len(shape.rungs) > 1 and shape.starts:
        many = listed([f"{n:,}" for n in shape.starts])
        parts.append(
            f"{len(shape.rungs)} rungs, at which {many} begin, and from each of which one in {shape.eta} goes on"
        )
    elif len(shape.rungs) > 1:
        parts.append(f"{len(shape.rungs)} rungs, to each of which one in {shape.eta} goes on")
    else:
        parts.append("1 full training")
    if shape.searches > 1:
        parts.append(f"{shape.searches} searches, one of them on all rows")
    return " × ".join(parts)
