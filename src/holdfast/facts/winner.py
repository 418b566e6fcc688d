"""The winner in words: the luck taken off its score, how the test bears it out, and its hyperparameters."""

from __future__ import annotations

import json

from holdfast.facts.blocks import Table
from holdfast.facts.log import ThreeScores, latest
from holdfast.facts.looks import compared_words
from holdfast.facts.numbers import count, listed, number, percent, shown
from holdfast.records import Trial, Value
from holdfast.space import Categorical, Domain, Int
from holdfast.study.schedule import schedule_of
from holdfast.study.state import StudyState


def luck_sentence(state: StudyState) -> str:
    """How many points of luck were taken off the naive score; empty without an estimate."""
    made = latest(state, "estimate.made")
    if made is None or made["luck"] is None:
        return ""
    among = compared_words(state, made)
    luck = made["luck"]
    if luck > 0:
        return (
            f"Being picked as the best of {among} flattered the naive score by {number(luck)}: "
            "that much luck was taken off to get the estimate."
        )
    if luck == 0:
        return f"With {among} compared, no luck was taken off: the estimate equals the naive score."
    return (
        f"With {among} compared, no luck was taken off: the estimate is better than the naive score by {number(-luck)}."
    )


def course_sentence(state: StudyState, trial: Trial) -> str:
    """With which configurations a trial was trained that went on from what others had learned; empty for any other.

    Its own is only the last of them, so that it does not say how to train such a model.
    """
    pieces = schedule_of(state.trials, trial.number).pieces
    if len(pieces) == 1:
        return ""
    where = listed([f"{piece.start:,}" for piece in pieces[1:]])
    own = f"{count(len(pieces), 'configuration')}, those of trials {listed([str(piece.trial) for piece in pieces])}"
    unit = "steps" if state.settings.fidelity is None else state.settings.fidelity.name
    return (
        f"Trial {trial.number} was trained with {own}: the next one took over after {where} {unit}, and its own "
        "is the last of them."
    )


def agreement(scores: ThreeScores) -> str:
    """Whether the test bears out the estimate; empty where one of them is missing."""
    estimate, test = scores.estimate, scores.test
    if estimate is None or test is None or estimate.low is None or estimate.high is None:
        return ""
    if estimate.low <= test.value <= estimate.high:
        return f"The test score lies within the estimate's {percent(estimate.level)} interval."
    apart = test.low is not None and test.high is not None and (test.high < estimate.low or test.low > estimate.high)
    more = "the two intervals do not even overlap" if apart else "the two intervals overlap"
    if test.low is None:
        more = "it has no interval of its own"
    return f"The test score lies outside the estimate's {percent(estimate.level)} interval; {more}."


def winner_table(state: StudyState, winner: Trial) -> Table:
    """The winner's hyperparameters, rounded and exact, and what each was searched within."""
    chosen = latest(state, "choice.made")
    config = winner.config if chosen is None else chosen["config"]
    space = state.settings.space or state.history.space
    declared = [] if space is None else [name for name in space.names if name in config]
    rows = [
        [name, shown(config[name]), exact(config[name]), describe(space[name]) if space and name in space else ""]
        for name in dict.fromkeys([*declared, *config])
    ]
    header = ["hyperparameter", "value", "exact value", "searched within"]
    return Table(header, rows, "The winner's hyperparameters", frozenset({1}), frozenset({2}))


def describe(domain: Domain) -> str:
    """What a hyperparameter was searched within, in words."""
    if isinstance(domain, Categorical):
        text = listed([shown(choice) for choice in domain.choices])
    else:
        text = f"{number(domain.low)} to {number(domain.high)}{', logarithmic' if domain.log else ''}"
        whole = isinstance(domain, Int) and domain.step == 1
        text += "" if domain.step is None or whole else f", in steps of {number(domain.step)}"
    conditions = [f"{name} is {' or '.join(map(shown, values))}" for name, values in _when(domain).items()]
    return f"{text}; only when {listed(conditions)}" if conditions else text


def _when(domain: Domain) -> dict[str, tuple[Value, ...]]:
    return {name: values if isinstance(values, tuple) else (values,) for name, values in domain.when.items()}


def exact(value: Value) -> str:
    """A hyperparameter's value as JSON."""
    return json.dumps(value, ensure_ascii=False)
