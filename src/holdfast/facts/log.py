"""What the log says of a study, read once for all pages: the winner, the three scores, and the stages that are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.facts.numbers import count, listed, shortened
from holdfast.records import Cause, Direction, Score, Trial, TrialState
from holdfast.study.corrected import is_of_search
from holdfast.study.ranking import first_ranked, scored_trials
from holdfast.study.state import StudyState

STAGES: dict[str, str] = {
    "plan.resolved": "plan",
    "code.recorded": "code and environment",
    "data.split": "data split and sealed",
    "choice.made": "choice",
    "estimate.made": "estimate",
    "model.fitted": "model",
    "test.opened": "test opened",
}
"""The events of the protocol, in its order, and what to call the stage that ends with each."""


CAUSES: dict[str, str] = {
    Cause.ERROR: "the objective raised an error",
    Cause.DIVERGED: "the score was no finite number",
    Cause.LOST: "the process that ran it was gone",
    Cause.MEMORY: "memory ran out",
    Cause.PREEMPTED: "the machine took its process away",
    Cause.INTERRUPTED: "a person stopped the study",
    Cause.BUDGET: "the budget was spent while it ran; not the configuration's fault",
}
"""Each cause of a failure in words."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What the study is judged by."""

    name: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class ThreeScores:
    """The numbers that a person may quote; None where there is none, and then ``missing`` says why."""

    naive: Score | None
    estimate: Score | None
    test: Score | None
    missing: Mapping[str, str]


def latest(state: StudyState, kind: str) -> Mapping[str, Any] | None:
    """The newest event of that kind, or None."""
    events = state.notes.get(kind)
    return events[-1] if events else None


def openings(state: StudyState) -> list[Mapping[str, Any]]:
    """Every opening of the test rows by this study, in order."""
    return state.notes.get("test.opened", [])


def withheld(state: StudyState) -> str:
    """That test rows which this study has not opened had been opened before; empty if nobody is known to have."""
    kept = latest(state, "test.withheld")
    if kept is None or openings(state):
        return ""
    return f"the test rows {opened_before(kept['earlier'])}, and stay sealed to this study"


def opened_before(earlier: Sequence[str]) -> str:
    """How often test rows had been opened, and by whom, from a phrase on each time."""
    times, last = ("once", "") if len(earlier) == 1 else (count(len(earlier), "time"), "the last time ")
    return f"have been opened {times} before ({last}{earlier[-1]})"


def is_reopened(opening: Mapping[str, Any]) -> bool:
    """Whether the rows had been read before, by this study or another."""
    return opening["opening"] > 1 or bool(opening["earlier"])


def metric_of(state: StudyState) -> Metric:
    """The metric of the choice, or the study's first objective before there is one."""
    choice = latest(state, "choice.made")
    if choice is not None:
        return Metric(choice["metric"], choice["direction"])
    return Metric(state.first_metric, state.settings.directions[state.first_metric])


def weight_of(state: StudyState) -> str | None:
    """The column by which the rows of a plan's study count; None where all count alike, or no schema is on record."""
    split = latest(state, "data.split") or {}
    column: str | None = split.get("schema", {}).get("weight")
    return column


def weighed(state: StudyState) -> str:
    """What is said of scores behind the name of the metric, where rows count by a column; else empty."""
    column = weight_of(state)
    return "" if column is None else f", rows weighted by '{shortened(column)}'"


def winner_of(state: StudyState) -> Trial | None:
    """The chosen trial; before the choice the best one so far, if the study has one objective and a value."""
    choice = latest(state, "choice.made")
    if choice is not None:
        return state.trials[int(choice["trial"])]
    if len(state.settings.directions) > 1:
        return None
    return first_ranked(state)


def search_end(state: StudyState) -> str:
    """What ended the search before its budget, as a sentence; empty if nothing did, or it has gone on since."""
    ends = [latest(state, kind) for kind in ("noise.reached", "gain.reached", "space.exhausted")]
    return next((str(end["text"]) for end in ends if end is not None and end["trials"] == len(state.trials)), "")


def limit_reached(state: StudyState) -> str:
    """Which part of the budget, or else what before its end, ended the search; empty if nothing did."""
    reached = latest(state, "limits.reached")
    return search_end(state) if reached is None else str(reached["text"])


def trials_by_state(state: StudyState) -> dict[TrialState, int]:
    """How many trials are in each state, every state named."""
    counts = Counter(trial.state for trial in state.trials)
    return {each: counts[each] for each in TrialState}


def stages_done(state: StudyState) -> dict[str, bool]:
    """Each stage of the protocol, and whether its event is in the log."""
    return {kind: kind in state.notes for kind in STAGES}


def is_governed(state: StudyState) -> bool:
    """Whether the study follows a plan, so that a sealed test set is part of it."""
    return bool(state.notes.keys() & {"plan.resolved", "data.split"})


def three_scores(state: StudyState) -> ThreeScores:
    """The naive score, the estimate and the test, and why each that is missing is missing."""
    missing: dict[str, str] = {}
    naive = _naive(state)
    if naive is None:
        missing["naive"] = _why_no_naive(state)
    made = latest(state, "estimate.made")
    estimate = None if made is None else _score(made["score"])
    if estimate is None:
        missing["estimate"] = _why_no_estimate(state, made)
    opened = latest(state, "test.opened")
    test = None if opened is None else _score(opened["score"])
    if test is None:
        missing["test"] = _why_no_test(state)
    return ThreeScores(naive, estimate, test, missing)


def _naive(state: StudyState) -> Score | None:
    choice = latest(state, "choice.made")
    if choice is not None:
        return _score(choice["naive"])
    best = winner_of(state)
    if best is None:
        return None
    rows = 0 if best.rows is None else best.rows["n"]
    value = best.metrics[state.first_metric]
    return Score(value, None, None, 0.95, "uncorrected", "the very model that was scored", rows)


def _score(data: Mapping[str, Any] | None) -> Score | None:
    return None if data is None else Score.from_json(data)


def _why_no_naive(state: StudyState) -> str:
    if len(state.settings.directions) > 1:
        return "several objectives, so that no trial is the best"
    scored = scored_trials(state)
    if not scored:
        return "no trial has a value yet"
    if all(trial.number in state.history.masked for trial in scored):
        return "no trial lies in the space as it was amended"
    return f"no trial is known to meet {listed([str(item) for item in state.settings.constraints])}"


def _why_no_estimate(state: StudyState, made: Mapping[str, Any] | None) -> str:
    if made is not None:
        return str(made["missing"] or "the log does not say why")
    if is_governed(state):
        return "it has not been made yet"
    if is_of_search(state):
        return "none is on record; it is search.estimate_ of the HoldfastSearchCV"
    return "none is on record; study.estimate() makes one where row scores were told"


def _why_no_test(state: StudyState) -> str:
    split, opened = latest(state, "data.split"), latest(state, "test.opened")
    if opened is not None:
        return str(opened.get("missing") or "the log does not say why")
    if not is_governed(state):
        return "the study has no plan, so that no test rows were sealed"
    if split is not None and not split["roles"].get("test"):
        return "the plan keeps no test rows"
    return withheld(state) or "this study has not opened the test rows"
