"""Who is best at a rung, who may go on to the next one, and where a trial pauses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from holdfast.records import Fidelity, Suggestion, Verdict
from holdfast.search.base import fidelity_needed
from holdfast.search.history import COMPLETE, FAILED, PAUSED, RUNNING, TO_THE_END, History
from holdfast.search.pareto import crowding, ranks

Promotion = tuple[int, int, str]
"""A trial, the rung that it may go on to, and its place in words."""
ENOUGH_PAIRS = 3
STILL_THE_SAME = 0.9
"""Trials that were told the same repeat each other if, of so many pairs that went on, such a share still were."""


def fidelity_of(history: History, name: str) -> Fidelity:
    """The study's fidelity, or one sentence that names the strategy if it declares none."""
    if history.fidelity is None:
        raise fidelity_needed(name)
    return history.fidelity


def diverging_reports(history: History) -> np.ndarray:
    """(r,) with which reports a trial ends, as they are not finite; some of several objectives may be left unsaid."""
    losses = history.report_losses
    return np.asarray(np.isinf(losses).any(axis=1) | np.isnan(losses).all(axis=1))


def ordered_at(history: History, level: int, members: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The trials that came to a rung, or ended on the way there, best first, and whether each has a loss there.

    A trial without one, as it diverged or failed there or on the way there, comes last; ties go to the older. Several
    objectives are ordered front by front, the least crowded of each first: Schmucker, Donini, Zafar, Salinas and
    Archambeau, "Multi-objective asynchronous successive halving" (2021).

    Args:
        history: the study.
        level: the step of the rung.
        members: (n,) which trials count; None for all.

    Returns:
        Numbers (m,) and truth values (m,).
    """
    reported = history.reported_at(level) | _ended_before(history, level)
    trials = np.flatnonzero(reported if members is None else reported & members)
    losses = history.losses_at(level)[trials]
    known = np.isfinite(losses).all(axis=1)
    losses = np.where(known[:, None], losses, np.inf)
    if losses.shape[1] == 1:
        order = np.argsort(losses[:, 0], kind="stable")
        return trials[order], known[order]
    front = np.full(len(trials), len(trials))
    front[known] = ranks(losses[known])
    apart = np.zeros(len(trials))
    for rank in np.unique(front[known]):
        apart[front == rank] = crowding(losses[front == rank])
    order = np.lexsort((-apart, front))
    return trials[order], known[order]


def _ended_before(history: History, level: int) -> np.ndarray:
    """(n,) which trials diverged or failed on their way to a rung, or to a later one that they were to run to.

    One that was to run to the end was on its way to the rung that is next after its last report.
    """
    lost = np.zeros(len(history), dtype=bool)
    lost[history.told_trial[history.told_state == FAILED]] = True
    lost[history.report_trial[diverging_reports(history)]] = True
    if not lost.any():
        return lost
    last = np.zeros(len(history), dtype=np.int64)
    np.maximum.at(last, history.report_trial, history.report_step)
    rungs = np.array([*fidelity_of(history, "halving").rungs(), TO_THE_END])
    following = rungs[np.searchsorted(rungs[:-1], last, side="right")]
    goal = np.where(history.until == TO_THE_END, following, history.until)
    return np.asarray(lost & (last < level) & (level <= goal))


def promotions(
    history: History, fidelity: Fidelity, name: str = "asha", members: np.ndarray | None = None
) -> Iterator[Promotion]:
    """Every paused trial among the best ``1 / eta`` of its rung, highest rung first, best first.

    A trial that diverged or failed counts as the worst of its rung, and so does not shrink it. One that only repeats
    another, see `_repeats`, does not count.
    """
    for level, above in reversed(list(itertools.pairwise(fidelity.rungs()))):
        ordered, known = ordered_at(history, level, members)
        new = ~_repeats(history, fidelity, level, above, ordered, known)
        ordered, known = ordered[new], known[new]
        best = ordered[: len(ordered) // fidelity.eta]
        waiting = (history.states[best] == PAUSED) & (history.until[best] == level) & known[: len(best)]
        for place in np.flatnonzero(waiting):
            reason = f"{name}: {place + 1} of {len(ordered)} at {fidelity.name} {level}, on to {above}"
            yield int(best[place]), above, reason


def _repeats(
    history: History, fidelity: Fidelity, level: int, above: int, ordered: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """(m,) which of the trials at a rung were told just what one before them was, at this rung and all below it.

    Hyperparameters without effect and recorded tables tell several configurations the same, to the bit, and there is
    nothing to learn from training a second one of them. Scores that count do so by chance. So a trial repeats another
    only where `ENOUGH_PAIRS` or more of those that did went on, and `STILL_THE_SAME` of them were told the same again.
    """
    repeats = np.zeros(len(ordered), dtype=bool)
    places = np.flatnonzero(known)
    trials = ordered[places]
    told = np.hstack([history.losses_at(rung)[trials] for rung in fidelity.rungs() if rung <= level])
    by_loss = np.lexsort(told.T)  # which is stable
    again = np.append(False, (told[by_loss[1:]] == told[by_loss[:-1]]).all(axis=1))[: len(trials)]
    if not again.any():
        return repeats
    first = by_loss[np.maximum.accumulate(np.where(again, 0, np.arange(len(trials))))]
    after = history.losses_at(above)[trials]
    one, other = after[first[again]], after[by_loss[again]]
    both = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    same = (one == other).all(axis=1)[both]
    if len(same) >= ENOUGH_PAIRS and same.mean() >= STILL_THE_SAME:
        repeats[places[by_loss[again]]] = True
    return repeats


def go_on_or_begin(
    history: History, n: int, name: str, promoted: Iterator[Promotion], begin: Callable[[int], list[Suggestion]]
) -> list[Suggestion]:
    """Go on with what may go on, then begin new trials, as the budget allows.

    When the budget allows none, nothing runs and nothing may go on, the best of the highest rung is trained to the end,
    unless a trial that was is at least as good there.

    Args:
        history: the study.
        n: how many suggestions at most.
        name: the strategy's.
        promoted: what may go on.
        begin: new suggestions, at most so many.
    """
    suggestions = resumed(history, promoted, n)
    fresh = n - len(suggestions)
    if history.trials_left is not None:
        fresh = min(fresh, history.trials_left)
    if fresh > 0:
        suggestions += begin(fresh)
    if not suggestions and len(history.pending) == 0:
        suggestions = finish_best(history, fidelity_of(history, name), name)
    return suggestions


def resumed(history: History, promoted: Iterator[Promotion], n: int) -> list[Suggestion]:
    """The first ``n`` promotions as suggestions."""
    return [
        Suggestion(history.config(trial), reason, history.index, resume_from=trial, until_step=until)
        for trial, until, reason in itertools.islice(promoted, n)
    ]


def finish_best(history: History, fidelity: Fidelity, name: str) -> list[Suggestion]:
    """The best paused trial of the highest rung, to be trained to the end, unless a complete one stands against it."""
    rungs = fidelity.rungs()
    for level in reversed(rungs[:-1]):
        ordered, known = ordered_at(history, level, (history.states == PAUSED) & (history.until == level))
        if known.any():
            best = int(ordered[0])
            if _complete_stands(history, level, best):
                return []
            reason = f"{name}: best at {fidelity.name} {level} and nothing else to do, on to {rungs[-1]}"
            return resumed(history, iter([(best, rungs[-1], reason)]), 1)
    return []


def _complete_stands(history: History, level: int, trial: int) -> bool:
    """Whether a complete trial is at least as good as this one at a rung; by its final loss where it has none there.

    With several objectives it is as good as this one in each. One that was paused on its way, and so was picked at a
    rung, need only not be beaten in all of them: else a whole front would be trained to the end.
    """
    final = np.full((len(history), len(history.directions)), np.nan)
    final[history.told_trial] = history.told_loss
    at_rung = history.losses_at(level)
    losses = np.where(np.isnan(at_rung).any(axis=1)[:, None], final, at_rung)
    rivals = np.flatnonzero((history.states == COMPLETE) & ~np.isnan(losses).any(axis=1))
    picked = np.isin(rivals, history.move_trial[history.move_state == PAUSED])
    as_good = (losses[rivals] <= at_rung[trial]).all(axis=1)
    beaten = (at_rung[trial] <= losses[rivals]).all(axis=1) & ~as_good
    return bool((as_good | (picked & ~beaten)).any())


def pause_at_rung(history: History, trial: int, fidelity: Fidelity) -> Verdict:
    """Pause at the rung that a trial was assigned to run to."""
    assigned = history.move_until[(history.move_trial == trial) & (history.move_state == RUNNING)]
    until = int(assigned[-1])  # of this trial alone: `History.until` goes through the moves of all
    if until == TO_THE_END or until >= fidelity.max:
        return Verdict.CONTINUE
    steps = history.report_step[history.report_trial == trial]
    return Verdict.PAUSE if steps.size and steps[-1] >= until else Verdict.CONTINUE


def stop_below(history: History, trial: int, fidelity: Fidelity) -> Verdict:
    """Stop a trial that has just passed a rung at which it is not among the best ``1 / eta``.

    The rule without pauses: with fewer than ``eta`` trials at a rung, all go on (Li et al., 2020, section 3.3).
    """
    steps = history.report_step[history.report_trial == trial]
    before, now = steps[:-1].max(initial=0), steps[-1:].max(initial=0)
    for level in fidelity.rungs()[:-1]:
        if not before < level <= now:
            continue
        ordered, _ = ordered_at(history, level)
        place = int(np.flatnonzero(ordered == trial)[0])
        if len(ordered) >= fidelity.eta and place >= len(ordered) // fidelity.eta:
            return Verdict.STOP
    return Verdict.CONTINUE
