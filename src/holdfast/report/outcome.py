"""What came out of a study: the three scores, the model that ships, the winner's hyperparameters."""

from __future__ import annotations

import json
from typing import Any

from holdfast.facts.blocks import Alert, Block, Paragraph, ScoreCard, ScoreCards, Section, Table
from holdfast.facts.log import ThreeScores, latest, metric_of, three_scores, winner_of
from holdfast.facts.numbers import count, duration, interval, listed, number, percent, short_hash, shown
from holdfast.records import Score, Value
from holdfast.space import Categorical, Domain
from holdfast.study.state import StudyState


def scores_section(state: StudyState) -> Section:
    """The naive score, the estimate and the test side by side, and what lies between them."""
    scores = three_scores(state)
    cards = [
        _card("Naive score", scores.naive, scores.missing.get("naive", "")),
        _card("Estimate", scores.estimate, scores.missing.get("estimate", "")),
        _card("Test", scores.test, scores.missing.get("test", "")),
    ]
    blocks: list[Block] = [ScoreCards(cards)]
    blocks.extend(Paragraph(text) for text in (_meaning(state), luck_sentence(state), _agreement(scores)) if text)
    return Section("The three scores", blocks)


def luck_sentence(state: StudyState) -> str:
    """How many points of luck were taken off the naive score; empty without an estimate."""
    made = latest(state, "estimate.made")
    if made is None or made["luck"] is None:
        return ""
    among = count(made["n_configurations"], "configuration")
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


def model_section(state: StudyState) -> Section:
    """Which model ships, and what the test is of."""
    fitted = latest(state, "model.fitted")
    if fitted is None:
        return Section("The model that ships", [Paragraph("No model has been fitted for shipping.")])
    size = f"It was fitted on {count(fitted['rows'], 'row')}"
    if fitted["epochs"] is not None:
        size += f" for {count(fitted['epochs'], 'epoch')}"
    blocks: list[Block] = [Paragraph(f"{fitted['text']} {size}, in {duration(fitted['seconds'])}.")]
    if fitted["reproduced"] is False:
        blocks.append(Alert("Fitted again, the model did not reproduce the row scores that it was chosen by."))
    elif fitted["reproduced"]:
        blocks.append(Paragraph("Fitted again, it reproduced the row scores that it was chosen by."))
    blocks.append(Paragraph(_what_the_test_is_of(state)))
    if fitted["files"]:
        rows = [[name, sha256] for name, sha256 in sorted(fitted["files"].items())]
        blocks.append(Table(["file", "sha256"], rows, "The files of the model", code=frozenset({1})))
    return Section("The model that ships", blocks)


def hyperparameters_section(state: StudyState) -> Section:
    """The winner's hyperparameters, rounded and exact, and what each was searched within."""
    winner = winner_of(state)
    chosen = latest(state, "choice.made")
    if winner is None:
        text = "There is no winner: " + three_scores(state).missing["naive"] + "."
        return Section("The winner's hyperparameters", [Paragraph(text)])
    if chosen is None:
        said = f"Trial {winner.number} is the best so far; no choice is on record."
    else:
        said = f"Trial {winner.number} was chosen by this rule: {chosen['rule']}."
    config = winner.config if chosen is None else chosen["config"]
    space = state.settings.space or state.history.space
    declared = [] if space is None else [name for name in space.names if name in config]
    rows = [
        [name, shown(config[name]), _exact(config[name]), describe(space[name]) if space and name in space else ""]
        for name in dict.fromkeys([*declared, *config])
    ]
    header = ["hyperparameter", "value", "exact value", "searched within"]
    table = Table(header, rows, "The winner's hyperparameters", frozenset({1}), frozenset({2}))
    return Section("The winner's hyperparameters", [Paragraph(said), table])


def describe(domain: Domain) -> str:
    """What a hyperparameter was searched within, in words."""
    if isinstance(domain, Categorical):
        text = listed([shown(choice) for choice in domain.choices])
    else:
        text = f"{number(domain.low)} to {number(domain.high)}{', logarithmic' if domain.log else ''}"
    conditions = [f"{name} is {' or '.join(map(shown, values))}" for name, values in _when(domain).items()]
    return f"{text}; only when {listed(conditions)}" if conditions else text


def _when(domain: Domain) -> dict[str, tuple[Value, ...]]:
    return {name: values if isinstance(values, tuple) else (values,) for name, values in domain.when.items()}


def _exact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _card(title: str, score: Score | None, missing: str) -> ScoreCard:
    if score is None:
        return ScoreCard(title, "–", "–", "–", "–", "–", missing)
    bounds = interval(score)
    rows = f"{score.n:,}" if score.n else "not told"
    return ScoreCard(title, number(score.value), bounds, score.method, score.estimand, rows)


def _meaning(state: StudyState) -> str:
    """What tells the three scores apart; empty before there is a winner."""
    if winner_of(state) is None:
        return ""
    metric = metric_of(state)
    return (
        f"All three are {metric.name}. The naive score is the winner's own, on the rows by which it was picked; the "
        "estimate corrects it for that; the test is from rows that took no part in any decision."
    )


def _agreement(scores: ThreeScores) -> str:
    """Whether the test bears out the estimate."""
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


def _what_the_test_is_of(state: StudyState) -> str:
    opened = latest(state, "test.opened")
    if opened is None:
        return f"It has not been tested: {three_scores(state).missing['test']}."
    return (
        f"The test is of this model, on {count(opened['rows'], 'row')} "
        f"with the fingerprint {short_hash(opened['fingerprint'])}."
    )
