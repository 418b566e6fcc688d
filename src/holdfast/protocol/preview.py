"""What a plan will take and cost, before anything of it runs: `holdfast plan`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.data.leakage.finding import Findings
from holdfast.errors import RequestError
from holdfast.facts.spending import amount
from holdfast.meter.budget import ROUNDING, Limits
from holdfast.meter.forecast import TRIAL_BYTES, Forecast, Shape, Timed, forecast
from holdfast.meter.price import SECONDS_PER_HOUR, Price
from holdfast.protocol.apart import prepared_apart
from holdfast.protocol.drive import TIMED, metered, processes, seconds_to_start, timed_trials, train_job
from holdfast.protocol.folder import DEFAULT_RUNS, RunFolder
from holdfast.protocol.prepare import Ready
from holdfast.protocol.read import PlanFile
from holdfast.protocol.shape import grid_size, shape_of, strategy_of
from holdfast.protocol.steward import Steward
from holdfast.search.base import explain
from holdfast.search.grid import GridSearch, grid_points
from holdfast.search.registry import make_strategy
from holdfast.space import Space
from holdfast.study.failures import error_line
from holdfast.study.study import Study


@dataclass(frozen=True)
class Preview:
    """A plan, looked at before it runs.

    Attributes:
        file: the plan.
        shape: how much work it asks for.
        price: what work costs.
        limits: what it may cost.
        forecast: what it will take.
        timed: the trials that were timed, at most two; none without timing.
        start_seconds: how long it took until the first of them began.
        failure: why a timed trial failed; empty if none did.
        strategy: what would propose, and why.
        space: what would be searched.
        grid: the points of the full grid, where the strategy is one.
        resolution: how many values of a number it takes.
        stepwise: whether the family's training can be cut into steps.
        findings: what the checks before the first fit have found.
    """

    file: PlanFile
    shape: Shape
    price: Price
    limits: Limits
    forecast: Forecast
    timed: tuple[Timed, ...]
    start_seconds: float
    failure: str
    strategy: str
    why: str
    space: Space
    grid: int | None
    resolution: int
    stepwise: bool
    findings: Findings

    @property
    def seconds_of_trial(self) -> float | None:
        """What one trial takes, by those that were timed."""
        return sum(each.seconds for each in self.timed) / len(self.timed) if self.timed else None


def preview(
    file: PlanFile,
    *,
    runs: str | Path = DEFAULT_RUNS,
    timing: bool = True,
    on_timing: Callable[[], None] | None = None,
) -> Preview:
    """Look at a plan: read its table, split it in a folder that is gone afterwards, and time at most two trials.

    The trials are the first two that the study will have, so nothing is learned that its log does not hold later. No
    score is taken on a test row, and no log is left. In the folder of all ``runs`` it looks up which rows earlier
    studies have looked at. ``on_timing`` is called before the first trial, when the plan is known to be sound.

    Raises:
        RequestError: if the plan cannot be meant.
    """
    with prepared_apart(file, RunFolder(Path(runs), file.plan.study.name)) as ready:
        price = Price.from_json(ready.book.state.notes["price.set"][0])
        strategy = strategy_of(ready)
        space = ready.book.state.settings.space
        assert space is not None
        shape, grid = shape_of(ready), grid_size(ready)
        why = explain(make_strategy(ready.plan.search.strategy, ready.plan.search.settings), ready.study.history)
        if timing and on_timing is not None:
            on_timing()
        timed, start, failure = _time(ready) if timing else ((), 0.0, "")
        return Preview(
            file=file,
            shape=shape,
            price=price,
            limits=file.plan.budget.limits(),
            forecast=forecast(shape, price, timed, start_seconds=start),
            timed=timed,
            start_seconds=start,
            failure=failure,
            strategy=strategy.name,
            why=why,
            space=space,
            grid=grid,
            resolution=strategy.resolution if isinstance(strategy, GridSearch) else 0,
            stepwise=ready.recipe.fidelity is not None,
            findings=Findings.from_json(ready.book.state.notes["leakage.checked"][-1]),
        )


def _time(ready: Ready) -> tuple[tuple[Timed, ...], float, str]:
    """Run the first trials: what each took, what it took until they began, and why one failed."""
    study: Study = ready.study
    began = time.time()
    with metered(ready) as meter:
        study.run(
            train_job(ready),
            processes(ready.plan.search.workers),
            halt_after=TIMED + 1,
            overseer=Steward(meter, ready.run.path, Limits(), most=TIMED),
        )
    trials = study.trials
    timed = tuple(timed_trials(trials, ready.book.state.settings.fidelity))
    errors = [error_line(trial.error) for trial in trials if trial.error]
    return timed, seconds_to_start(trials, [began]), errors[0] if errors else ""


def grid_factors(found: Preview) -> list[tuple[str, int]]:
    """The values of each hyperparameter in the grid; none where the strategy is no grid, one is left out."""
    if found.grid is None:
        return []
    points = grid_points(found.space, found.resolution)
    many = {name: len({repr(value) for value in points.values(name)}) for name in found.space.names}
    return [(name, count) for name, count in many.items() if count > 1]


def affordable(found: Preview) -> dict[str, float]:
    """How many trials each limit of the budget pays for, the final fit and the rest included; by the limit's name.

    A limit whose trials nobody can price is left out.
    """
    many: dict[str, float] = {}
    cost, once = cost_of_trial(found), _cost_of_rest(found)
    for name, allowed in found.limits.amounts().items():
        if cost.get(name):
            many[name] = max((allowed - once.get(name, 0.0)) / cost[name] * (1 + ROUNDING), 0.0)
    if found.limits.trials is not None:
        many["trials"] = float(found.limits.trials)
    return many


def cost_of_trial(found: Preview) -> dict[str, float]:
    """What one more trial adds, by the name of a limit; what nobody knows is left out."""
    cost: dict[str, float] = {"disk_bytes": found.shape.row_bytes + TRIAL_BYTES}
    if found.price.usd_per_run is not None:
        cost["usd"] = found.price.usd_per_run
    seconds = found.seconds_of_trial
    if seconds is None:
        return cost
    machine = seconds * found.shape.full_trials / found.shape.trials / found.shape.workers + found.shape.seconds_per_ask
    cost["hours"] = machine / SECONDS_PER_HOUR
    if found.price.usd_per_hour is not None:
        cost["usd"] = cost.get("usd", 0.0) + found.price.usd_per_hour * cost["hours"]
    total = found.forecast
    if total.kwh.value is not None and total.hours.value:
        cost["kwh"] = total.kwh.value / total.hours.value * cost["hours"]
        cost["kg_co2e"] = cost["kwh"] * (found.price.kg_co2e_per_kwh or 0.0)
    return cost


def _cost_of_rest(found: Preview) -> dict[str, float]:
    """What there is to pay beside trials, by the name of a limit."""
    each = cost_of_trial(found)
    whole = {name: getattr(found.forecast, name).value for name in found.limits.amounts()}
    return {
        name: max(value - found.shape.trials * each.get(name, 0.0), 0.0)
        for name, value in whole.items()
        if value is not None
    }


def refuse_what_buys_nothing(found: Preview) -> None:
    """Refuse a budget that does not pay for one trial, and say what one costs.

    Raises:
        RequestError: naming the key.
    """
    cost = cost_of_trial(found)
    for name, many in affordable(found).items():
        if many < 1 and name != "trials":
            key = "disk" if name == "disk_bytes" else name
            allowed = getattr(found.file.plan.budget, key)
            need = cost[name] + _cost_of_rest(found).get(name, 0.0)
            with found.file.at("budget", key):
                raise RequestError(
                    f"[budget] has {key} = {allowed!r}, which is too small for one trial: a trial costs "
                    f"{amount(name, cost[name])}, with what comes before and after it {amount(name, need)}"
                )
