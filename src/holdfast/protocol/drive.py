"""The search of a planned study: trials under a steward, until they are done or the budget is spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from holdfast.errors import PlanError
from holdfast.execute.base import Executor
from holdfast.execute.inline import Inline
from holdfast.execute.ray import Ray
from holdfast.facts.numbers import count
from holdfast.facts.spending import amount
from holdfast.meter.account import usage_of
from holdfast.meter.budget import Reached
from holdfast.meter.energy import NoMeter, energy_meter
from holdfast.meter.forecast import Timed, forecast, pages_bytes
from holdfast.meter.price import SECONDS_PER_HOUR, Price
from holdfast.protocol.batches import trials_at_once
from holdfast.protocol.carried import CarriedJob
from holdfast.protocol.job import TrainJob
from holdfast.protocol.metering import StudyMeter
from holdfast.protocol.opened_curve import trains_again
from holdfast.protocol.prepare import Ready
from holdfast.protocol.scheduled import is_population
from holdfast.protocol.shape import shape_of
from holdfast.protocol.steward import Steward
from holdfast.protocol.tables import Anew
from holdfast.records import Cause, Fidelity, Trial, TrialState
from holdfast.study.book import Book
from holdfast.study.folds import NEVER
from holdfast.usage import counted

Progress = Callable[[Book, Trial], None]
"""Called with the study's book and each trial that ended or paused."""

TIMED = 2
"""How many trials a forecast rests on."""


class BudgetTooSmallError(PlanError):
    """The budget does not even pay for one trial."""


@contextmanager
def metered(ready: Ready, *, elsewhere: bool = False) -> Iterator[StudyMeter]:
    """A meter of the study, by the prices on its log.

    No electricity is metered where the power was given, when no more than the test is left to do, or if trials run
    ``elsewhere``, on machines whose meters are not at hand.
    """
    notes = ready.book.state.notes
    price = Price.from_json(notes["price.set"][0]) if "price.set" in notes else Price()
    idle = elsewhere or price.watts is not None or "model.fitted" in notes
    with closing(NoMeter() if idle else energy_meter()) as energy:
        yield StudyMeter(ready.book, price, energy)


def search(ready: Ready, meter: StudyMeter, executor: Executor | None, progress: Progress | None) -> None:
    """Run trials until they are done or the budget is spent; nothing once the choice is made.

    Raises:
        BudgetTooSmallError: if the budget does not pay for one trial.
        StudyHaltedError: if trials fail alike again and again.
    """
    if "choice.made" in ready.book.state.notes:
        return
    steward, parts, state = steward_of(ready, meter), ready.seal.fits, ready.book.state
    executor = executor or processes(ready.plan.search.workers)
    with meter.search(inside=isinstance(executor, Inline)):
        ready.study.run(
            CarriedJob.of(train_job(ready)) if isinstance(executor, Ray) else train_job(ready),
            executor,
            halt_after=ready.plan.search.halt_after,
            on_finish=lambda trial: _told(ready, trial, progress),
            overseer=steward,
            batch=trials_at_once(ready.plan.search, ready.recipe.network_shape, state.settings.space, parts),
        )
    _end(ready, steward)


def steward_of(ready: Ready, meter: StudyMeter) -> Steward:
    """Who keeps the search within the budget of its plan."""
    finalists = ready.plan.search.finalists if "select" in ready.seal.rows else 0
    return Steward(
        meter,
        ready.run.path,
        ready.plan.budget.limits(),
        parts=ready.seal.fits,
        last_fits=1 + finalists + trains_again(ready),
        pages=pages_bytes(shape_of(ready).hyperparameters),
    )


def train_job(ready: Ready) -> TrainJob:
    """The job of a study's trials."""
    return TrainJob(
        ready.recipe,
        ready.run.path.resolve(),
        folds=ready.folds,
        measure=ready.measure,
        weigh=ready.plan.budget.disk is not None,
        anew=Anew.of(ready.split, ready.recipe.schema) if ready.reshuffled else None,
        by_fold=ready.book.state.settings.drop_folds != NEVER,
        deterministic=ready.plan.search.deterministic,
        early_stopping=not is_population(ready.book),
    )


def processes(workers: int) -> Executor:
    """Fresh processes, even for one worker: a fit in compiled code can be interrupted, and its memory is given back."""
    from holdfast.execute.processes import Processes

    return Processes(workers)


def timed_trials(trials: Sequence[Trial], fidelity: Fidelity | None = None) -> list[Timed]:
    """The first trials that ended, as far as a forecast rests on them: what each would take in full.

    One that paused at a rung is taken to train on as fast as the fastest of them did, since what is paid once, such as
    the warming up of the first fit, is paid once; one that was dropped counts for as many fits as a whole one has.
    """
    ended = [trial for trial in trials if trial.state in {TrialState.COMPLETE, TrialState.STOPPED, TrialState.PAUSED}]
    fits = max((trial.extra.get("fits", 1) for trial in ended), default=1)
    first = ended[:TIMED]
    pace = min((trial.seconds / trial.until_step for trial in first if trial.until_step), default=0.0)
    return [_in_full(trial, fidelity, fits, pace) for trial in first]


def _in_full(trial: Trial, fidelity: Fidelity | None, fits: int, pace: float) -> Timed:
    """What a trial would take in full, at so many seconds for each further step."""
    timed, seconds = _timed(trial), trial.seconds
    if trial.state is TrialState.STOPPED and "fits" in trial.extra:
        seconds *= fits / trial.extra["fits"]
    elif fidelity is not None and trial.until_step is not None:
        seconds += pace * (fidelity.max - trial.until_step)
    return Timed(seconds, timed.kwh, timed.watched)


def seconds_to_start(trials: Sequence[Trial], begins: Sequence[float]) -> float:
    """What passed in its session until the first trial was being fitted; ``begins`` (since 1970) are the sessions'."""
    fitted = [_fitted_from(trial) for trial in trials if trial.seconds > 0]
    sessions = [began for began in begins if fitted and began <= min(fitted)]
    return min(fitted) - sessions[-1] if sessions else 0.0


def _fitted_from(trial: Trial) -> float:
    """When the fit of a trial began, in seconds since 1970, once its worker had loaded rows and libraries."""
    if trial.told_at is not None:
        return trial.told_at - trial.seconds
    return trial.asked_at + (usage_of(trial).wall_seconds.value or trial.seconds) - trial.seconds


def _timed(trial: Trial) -> Timed:
    """Its own seconds, and the power of all that its worker did for it."""
    usage = usage_of(trial)
    return Timed(trial.seconds, usage.kwh, usage.wall_seconds.value)


def _told(ready: Ready, trial: Trial, progress: Progress | None) -> None:
    """After a trial: the forecast once enough of them are timed, and word to whoever watches."""
    state = ready.book.state
    chosen = trial.extra.get("stack")
    if chosen is not None and all(chosen["text"] != said["text"] for said in state.notes.get("stack.chosen", ())):
        ready.book.note("stack.chosen", chosen)
    if "price.set" in state.notes and "forecast.made" not in state.notes:  # logs of earlier versions have no prices
        timed = timed_trials(state.trials, state.settings.fidelity)
        if len(timed) == min(TIMED, ready.plan.most_trials):
            price = Price.from_json(state.notes["price.set"][0])
            start = seconds_to_start(state.trials, [began for began, _ in state.sessions])
            ready.book.note("forecast.made", forecast(shape_of(ready), price, timed, start_seconds=start).to_json())
    if progress is not None:
        progress(ready.book, trial)


def _end(ready: Ready, steward: Steward) -> None:
    """Put on the record why the search ended early; refuse a budget that one trial alone went beyond."""
    reached = steward.reached or _trials_reached(ready)
    if reached is None:
        return
    state = ready.book.state
    complete = [trial for trial in state.trials if trial.metrics]
    broken = [trial for trial in state.trials if trial.error and trial.cause is not Cause.BUDGET]
    if (not complete and not broken) or (
        len(complete) == 1 and _cost_of(complete[0], steward, reached) > reached.allowed
    ):
        raise BudgetTooSmallError(_too_small(ready, steward, reached, complete))
    text = (
        f"The budget of {_amount(reached.limit, reached.allowed)} ended the search after {len(state.trials)} of "
        f"{ready.plan.search.trials} trials: {_amount(reached.limit, reached.spent)} were spent"
    )
    text += "." if reached.limit == "trials" else " by then, and the rest was kept for the final fit and the pages."
    text += _elsewhere(len(state.trials.running))
    event = {"limit": reached.limit, "allowed": reached.allowed, "spent": reached.spent, "text": text}
    ready.book.note("limits.reached", event)


def _elsewhere(running: int) -> str:
    """A sentence on the trials that workers still run when the search ends."""
    if running == 0:
        return ""
    they = "its result" if running == 1 else "their results"
    return (
        f" {count(running, 'trial')} still ran elsewhere, for which there was no time left to wait: {they} will be in "
        "the log, and no part of the choice."
    )


def _trials_reached(ready: Ready) -> Reached | None:
    """Whether it was the budget of trials that ended the search, and not the search's own number."""
    limit, done = ready.plan.budget.trials, len(ready.book.state.trials)
    if limit is None or done < limit or limit >= ready.plan.search.trials:
        return None
    return Reached("trials", limit, done)


def _too_small(ready: Ready, steward: Steward, reached: Reached, complete: list[Trial]) -> str:
    key = "disk" if reached.limit == "disk_bytes" else reached.limit
    asked = getattr(ready.plan.budget, key)
    said = f"[budget] has {key} = {asked!r}, which is too small for one trial"
    if complete:
        cost = _cost_of(complete[0], steward, reached)
        if reached.limit == "disk_bytes":
            return f"{said}: with its model and the pages it takes some {_amount('disk_bytes', cost)}"
        enough = steward.spent().get(reached.limit, cost)
        return (
            f"{said}: the first one took {_amount(reached.limit, cost)}; with starting, the final fit and the pages a "
            f"whole study of one trial takes some {_amount(reached.limit, 2 * enough)}"
        )
    if reached.limit == "disk_bytes":
        return (
            f"{said}: the rows take {_amount('disk_bytes', reached.spent)}, the pages some "
            f"{_amount('disk_bytes', steward.pages)}, and a model comes on top of that"
        )
    ended = [trial for trial in ready.book.state.trials if trial.error and trial.seconds > 0]
    found = f"the first one was ended after {ended[0].seconds:.3g} s without a" if ended else "none has a"
    return f"{said}: {found} result; to see what one takes, run: holdfast plan PLAN"


def _cost_of(trial: Trial, steward: Steward, reached: Reached) -> float:
    """What one trial alone took, in the unit of a limit; of disk, what a study of one trial takes; 0 if unknown."""
    usage, price = usage_of(trial), steward.meter.price
    machine = counted(trial.seconds / price.workers)
    # of its electricity the part that belongs to its own seconds, and not to loading rows and libraries
    kwh = usage.kwh.times(min(trial.seconds / (usage.wall_seconds.value or trial.seconds or 1.0), 1.0))
    costs = {
        "hours": machine.times(1 / SECONDS_PER_HOUR).value,
        "usd": price.usd(machine, 1).value,
        "kwh": kwh.value,
        "kg_co2e": price.kg_co2e(kwh).value,
        "disk_bytes": reached.spent + steward.room,
    }
    return costs.get(reached.limit) or 0.0


def _amount(limit: str, value: float) -> str:
    """An amount with its unit."""
    return count(int(value), "trial") if limit == "trials" else amount(limit, value)
