"""Why the winner won: the rule, its margin and the noise in it, the luck taken off, and what became of the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.cli.output import aligned
from holdfast.facts.learning import Learning, is_told
from holdfast.facts.log import latest, metric_of, weighed, winner_of
from holdfast.facts.numbers import better, count, listed, number, shown
from holdfast.facts.search import own_words
from holdfast.facts.winner import luck_sentence
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.rivals import rivals_of
from holdfast.records import Config, Trial, Value
from holdfast.study.book import Book
from holdfast.study.compared import Rival
from holdfast.study.ranking import ranking
from holdfast.study.state import StudyState

CLEAR = 0.95
"""From this share of the bootstraps on, in which the winner comes out best, the choice is clear."""

LIKELY = 0.5
"""From this share on it is likelier than not."""

LEVEL = "just as good: of equals the earlier one is taken"

SHOWN = 3
"""Rivals that are named."""


def why(run: RunFolder, book: Book) -> dict[str, Any]:
    """The reasons as JSON values: ``sentences``, ``rivals`` (trial, value, behind, error, share) and ``values``."""
    state, winner = book.state, winner_of(book.state)
    assert winner is not None
    found = rivals_of(run, book, winner)
    close = [] if found is None else [rival for rival in found[1:] if rival.within_noise]
    return {
        "sentences": [
            *_rule(state, winner),
            *_margin(state, winner, found),
            *_noise(found, close),
            luck_sentence(state),
            *_proposed(state, winner),
            *_defaults(state, winner, found),
            *_learned(state, winner),
        ],
        "rivals": [_rival(state, rival) for rival in found or []],
        "values": _values(state, winner, [rival.trial for rival in close]),
    }


def why_text(reasons: dict[str, Any], width: int | None) -> str:
    """The reasons as paragraphs and a table."""
    paragraphs = [aligned([[text]], indent="", width=width) for text in reasons["sentences"] if text]
    header = ["hyperparameter", "winner", "default"]
    close = any(item["close"] is not None for item in reasons["values"])
    rows = [
        [item["name"], shown(item["value"]), shown(item["default"]), *([item["close"] or ""] if close else [])]
        for item in reasons["values"]
    ]
    table = aligned([[*header, *(["trials within the noise"] if close else [])], *rows], width=width)
    return "\n\n".join([*paragraphs, table])


def _rule(state: StudyState, winner: Trial) -> list[str]:
    """How the winner was chosen."""
    choice, metric = latest(state, "choice.made"), metric_of(state)
    assert choice is not None
    value = number(choice["naive"]["value"])
    said = f"Trial {winner.number} was chosen by this rule: {choice['rule']}. Its {metric.name} is {value}"
    said += f" ({better(metric.direction)}{weighed(state)})."
    if "select" not in choice["rule"]:
        return [said]
    return [f"{said} That is on the select rows, which no trial had seen; what follows is about the validation rows."]


def _margin(state: StudyState, winner: Trial, found: list[Rival] | None) -> list[str]:
    """How far behind the next one is."""
    metric = state.first_metric
    others = [trial for trial in ranking(state) if trial.number != winner.number]
    if not others:
        return ["It is the only trial with a score, so there was nothing to choose from."]
    among = count(len(others) + 1, "trial")
    if found is None or len(found) < 2:
        after = others[0]
        return [f"Of {among} with a score the next best is trial {after.number} with {number(after.metrics[metric])}."]
    choice, second = latest(state, "choice.made"), found[1]
    level = LEVEL if choice is None or "select" not in choice["rule"] else "just as good"
    size = f"{number(abs(second.behind))} {'behind' if second.behind > 0 else 'ahead'}" if second.behind else level
    said = f"Of {among} with a score the runner-up is trial {second.trial.number} with "
    said += f"{number(second.trial.metrics[metric])}, {size}."
    if second.error > 0:
        said += f" The standard error of the difference, row by row, is {number(second.error)}."
    return [said]


def _noise(found: list[Rival] | None, close: Sequence[Rival]) -> list[str]:
    """Whether another draw of the rows would have picked another trial."""
    if found is None:
        return ["Without row scores nobody can say whether that margin is more than noise."]
    if len(found) < 2:
        return []
    share = found[0].share
    often = sorted(found[1:], key=lambda rival: (-rival.share, rival.trial.number))[:SHOWN]
    named = [f"trial {rival.trial.number} in {rival.share:.0%}" for rival in often if rival.share >= 0.005]
    said = f"Where the validation rows are drawn again, trial {found[0].trial.number} comes out best in {share:.0%}"
    said += f" of the draws{f', {listed(named)}' if named else ''}: "
    if share >= CLEAR:
        verdict = "the choice is clear."
    elif share >= LIKELY:
        verdict = "it is likely, but not certain, that it is the best of them."
    else:
        verdict = "other rows might well have picked another one."
    return [said + verdict, _near(len(close), len(found) - 1)]


def _near(close: int, many: int) -> str:
    """How many of the next best trials may be just as good."""
    within = "within two standard errors of it"
    if many == 1:
        return f"That one is {within}, and may be just as good." if close else f"That one is not {within}."
    if close == 0:
        return f"None of the {many} next best trials is {within}."
    which = f"All {many} next best trials" if close == many else f"{close} of the {many} next best trials"
    return f"{which} {'is' if close == 1 else 'are'} {within}, and may be just as good."


def _proposed(state: StudyState, winner: Trial) -> list[str]:
    """Who proposed the winner, and why."""
    name = state.settings.strategy
    says = own_words(name, state.strategy_says)
    said = f"The strategy was {name}: {says}." if says else f"The strategy was {name}."
    return [
        said if winner.reason in {"", name} else f"{said} This configuration's reason: {winner.reason.rstrip('.')}."
    ]


def _defaults(state: StudyState, winner: Trial, found: list[Rival] | None) -> list[str]:
    """What the defaults would have come to, if they were tried."""
    space = state.settings.space
    if space is None:
        return []
    defaults = space.default_config()
    metric = state.first_metric
    if dict(winner.config) == defaults:
        return ["The winner is the configuration of defaults: the search found nothing better."]
    tried = next((trial for trial in ranking(state) if dict(trial.config) == defaults), None)
    if tried is None:
        return ["The configuration of defaults was not tried, so what the search gained over it is not known."]
    gain = abs(winner.metrics[metric] - tried.metrics[metric])
    said = f"The configuration of defaults, trial {tried.number}, scored {number(tried.metrics[metric])}: the search"
    rival = next((rival for rival in found or [] if rival.trial.number == tried.number), None)
    noise = "" if rival is None else f", with a standard error of {number(rival.error)}"
    return [f"{said} gained {number(gain)} on the rows it picked by, luck included{noise}."]


def _learned(state: StudyState, winner: Trial) -> list[str]:
    """How the winner learned, and the trials together."""
    learned = Learning(state)
    study, said = learned.study(), []
    if is_told(winner):
        verdict = learned.of(winner)
        said.append(f"How it learned: {verdict.short}. {verdict.sentence}")
    return said if study is None else [*said, f"How the trials learned: {study.kind}. {study.sentence}"]


def _rival(state: StudyState, rival: Rival) -> dict[str, Any]:
    return {
        "trial": rival.trial.number,
        "value": rival.trial.metrics[state.first_metric],
        "behind": rival.behind,
        "error": rival.error,
        "share": rival.share,
        "within_noise": rival.within_noise,
    }


def _values(state: StudyState, winner: Trial, close: Sequence[Trial]) -> list[dict[str, Any]]:
    """The winner's hyperparameters beside the defaults, and what the trials within the noise have."""
    space = state.settings.space
    defaults: Config = {} if space is None else space.default_config()
    names = winner.config if space is None else [name for name in space.names if name in winner.config]
    return [
        {
            "name": name,
            "value": winner.config[name],
            "default": defaults.get(name),
            "close": _spread([trial.config[name] for trial in close if name in trial.config]),
        }
        for name in names
    ]


def _spread(values: Sequence[Value]) -> str | None:
    """What several trials have: a range of numbers, or the choices, the most frequent one first."""
    if not values:
        return None
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = min(values), max(values)  # type: ignore[type-var]
        return shown(low) if low == high else f"{shown(low)} to {shown(high)}"
    many: dict[str, int] = {}
    for value in values:
        many[shown(value)] = many.get(shown(value), 0) + 1
    return ", ".join(sorted(many, key=lambda name: -many[name]))
