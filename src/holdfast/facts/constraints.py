"""What became of the outcome constraints: how many trials meet them, and by how much the winner does."""

from __future__ import annotations

from holdfast.facts.log import latest, winner_of
from holdfast.facts.numbers import count, interval, listed, number
from holdfast.records import Score, number_from_json
from holdfast.study.constraints import Constraint, is_feasible
from holdfast.study.ranking import scored_trials
from holdfast.study.state import StudyState


def wish_of(state: StudyState) -> str:
    """The constraints, in words; empty without any."""
    return listed([str(item) for item in state.settings.constraints])


def feasible_trials(state: StudyState) -> int:
    """How many trials with a score are known to meet every constraint."""
    return sum(is_feasible(state.settings.constraints, trial.metrics) for trial in scored_trials(state))


def none_feasible(state: StudyState) -> str:
    """That no trial meets the constraints, as a sentence; empty if one does, or none has a score."""
    scored = scored_trials(state)
    if not scored or feasible_trials(state):
        return ""
    return (
        f"None of the {count(len(scored), 'trial')} with a score is known to meet {wish_of(state)}: none is the best."
    )


def winners_constraints(state: StudyState) -> str:
    """By how much the winner meets each constraint, as a sentence; empty without constraints or winner."""
    winner = winner_of(state)
    if winner is None or not state.settings.constraints:
        return ""
    met = [f"{item} with {number(winner.metrics[item.metric])}" for item in state.settings.constraints]
    text = f"When it was tried it met {listed(met)}."
    return text if not tested(state) else f"{text} On the test rows: {listed(_on_test_rows(state))}."


def missed_on_test(state: StudyState) -> list[str]:
    """A sentence for each constraint that the model that ships does not meet on the test rows."""
    return [
        f"On the test rows the model that ships misses {item}: {_words(item, score)}."
        for item, score in tested(state)
        if not is_feasible([item], {item.metric: score.value})
    ]


def tested(state: StudyState) -> list[tuple[Constraint, Score]]:
    """The constraints on metrics, with the scores of the model that ships on the test rows; the metric's own, too."""
    opened = latest(state, "test.opened")
    if opened is None:
        return []
    scores = {**opened.get("constraints", {}), state.first_metric: opened["score"]}
    wanted = [item for item in state.settings.constraints if scores.get(item.metric) is not None]
    return [(item, Score.from_json(scores[item.metric])) for item in wanted]


def _on_test_rows(state: StudyState) -> list[str]:
    return [_words(item, score) for item, score in tested(state)]


def _words(item: Constraint, score: Score) -> str:
    bounds = "" if score.low is None else f", {interval(score)}"
    return f"{item.metric} {number(number_from_json(score.value))}{bounds}"
