"""What a study would try next and why, in words, and what one more trial is expected to gain. Nothing is logged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from holdfast.errors import ExhaustedError, RequestError
from holdfast.evaluate.scale import too_far_apart
from holdfast.records import Config, Score, Suggestion, Trial, Value, as_whole
from holdfast.rng import Streams
from holdfast.search.auto import Auto
from holdfast.search.base import Strategy
from holdfast.search.gain import expected_gain
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.search.outlook import FEWEST_SCORES, outlook, too_large
from holdfast.search.registry import make_strategy, traits_of
from holdfast.search.sobol import SobolSearch
from holdfast.space import Space
from holdfast.study.book import Book, entry
from holdfast.study.exhausted import what_is_left
from holdfast.study.ranking import ranking
from holdfast.study.state import StudyState
from holdfast.study.stopping import stop_set

FEWEST_TO_STOP = 10
"""No study ends for want of gain with fewer complete trials."""

AHEAD_TO_STOP = 4
"""What ends a study is the gain of so many trials together: the next one alone may be a mere exploration."""

FURTHEST = 100
"""At most so many trials are looked ahead."""

ENDLESS = 50
"""A grid with so many times more points than there are trials is as good as endless."""

SHOWN = 6
"""So many changed hyperparameters are named; all stand in the configuration."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to try next.

    Attributes:
        config: the configuration.
        text: what it changes, what is expected of it, and why, as sentences.
        reason: the strategy's own words.
        changes: each hyperparameter that differs from the best trial: its value there (None if not active) and here.
        mean, sd: the score expected of it, in the metric's unit; None where no surrogate can be fitted.
        mode: ``"exploiting"`` if it is expected to be at least as good as the best trial, else ``"exploring"``.
        feasible: the probability that it meets the outcome constraints; None without any, or without a surrogate.
        resumes: the paused trial to train on, if that is the suggestion.
    """

    config: Config
    text: str
    reason: str
    changes: Mapping[str, tuple[Value, Value]] = field(default_factory=dict)
    mean: float | None = None
    sd: float | None = None
    mode: Literal["exploring", "exploiting"] | None = None
    feasible: float | None = None
    resumes: int | None = None

    def __str__(self) -> str:
        return self.text


def next_advice(state: StudyState, strategy: Strategy) -> Advice:
    """What the strategy would try next; for ``manual``, which proposes nothing, what ``auto`` would.

    Raises:
        ExhaustedError: if there is nothing left to try.
    """
    history = _history(state)
    if state.queue:
        wish = state.queue[min(state.queue)]
        suggestion = Suggestion(wish.config, f"enqueued: {wish.why}" if wish.why else "enqueued", state.length)
    else:
        suggestion = _suggestion(state, strategy, history)
    several = len(state.settings.directions) > 1
    best = None if several else next(iter(ranking(state)), None)
    if suggestion.resume_from is not None:
        what = f"Train trial {suggestion.resume_from} on, to step {suggestion.until_step}."
        text = f"{what} The reason: {suggestion.reason}."
        return Advice(dict(suggestion.config), text, suggestion.reason, resumes=suggestion.resume_from)
    changes = {} if best is None else _changes(best.config, suggestion.config)
    sentences = [_what(suggestion.config, best, changes), f"The reason: {suggestion.reason}."]
    found = Advice(dict(suggestion.config), "", suggestion.reason, changes)
    if not several and history.space is not None:
        found = _with_forecast(found, state, history, best)
    if not several:
        sentences.append(_expected(found, state, best))
    return dataclasses.replace(found, text=" ".join(sentences))


def recorded_strategy(state: StudyState) -> Strategy:
    """The strategy of a study by its log alone.

    Raises:
        RequestError: for one of the user's own code, or a space with functions that forbid, which no log holds.
    """
    settings = state.settings
    rules = () if settings.space is None else settings.space.forbid
    lacking = [
        f"the function '{rule.name}', which forbids"
        for rule in rules
        if rule.expression is None and rule.predicate is None
    ]
    if settings.own_strategy:
        lacking = [f"the strategy '{settings.strategy}'"]
    if lacking:
        raise RequestError(
            f"study '{settings.name}' has {lacking[0]}: code of its own, which no log holds; in Python, "
            "study.suggest_next() and study.expected_gain() have it"
        )
    return make_strategy(settings.strategy, settings.strategy_settings)


def gain_of(state: StudyState, strategy: Strategy, n: int = 1, level: float = 0.95) -> Score:
    """What ``n`` more trials are expected to add to the best score (see `holdfast.search.gain.expected_gain`).

    Raises:
        RequestError: for several objectives, an ``n`` or a level out of range, or too few scores to say anything.
        ExhaustedError: if there is nothing left to try.
    """
    trials = as_whole(n)
    if trials is None or not 1 <= trials <= FURTHEST:
        raise RequestError(f"n = {n!r}; it must be a whole number from 1 to {FURTHEST}")
    if not 0 < level < 1:
        raise RequestError(f"level = {level!r}; it must be between 0 and 1, such as 0.95")
    name = state.settings.name
    if len(state.settings.directions) > 1:
        raise RequestError(f"study '{name}' has several objectives, and a gain is that of one metric")
    if said := _beyond_numbers(state):
        raise RequestError(f"study '{name}' has no expected gain: {said}")
    asked = _asked(state, strategy, trials)
    if asked == []:
        raise ExhaustedError(f"study '{name}' has no expected gain: {what_is_left(state, strategy)}")
    found = _gain(state, strategy, asked, trials, level)
    if found is None:
        raise RequestError(f"study '{name}' has no expected gain yet; it needs {_needed(state)}")
    return found


def _needed(state: StudyState) -> str:
    """What there has to be before anybody can say what a trial would gain."""
    wish = " and ".join(map(str, state.settings.constraints))
    if not wish:
        return f"{FEWEST_SCORES} complete trials whose scores differ"
    if outlook(_history(state), Streams(state.settings.seed)) is not None and not ranking(state):
        return f"a complete trial that meets {wish}"
    return f"{FEWEST_SCORES} complete trials that meet {wish} and whose scores differ"


def gains_too_little(book: Book, strategy: Strategy) -> bool:
    """Whether the search is at its end, since more trials are expected to gain less than was asked; that is logged.

    What a person enqueued is tried all the same.
    """
    state = book.state
    stop = stop_set(state).get("gain")
    if stop is None or state.queue or int(np.isfinite(_history(state).losses).sum()) < FEWEST_TO_STOP:
        return False
    gain = _gain(state, strategy, _asked(state, strategy, AHEAD_TO_STOP), AHEAD_TO_STOP, 0.95)
    if gain is None or gain.high is None or gain.high >= stop:
        return False
    text = (
        f"The search ended after {len(state.trials)} trials, because even {AHEAD_TO_STOP} more were expected to gain "
        f"{gain.value:.2g}, at most {gain.high:.2g}, which is less than stop_gain = {stop:g}."
    )
    event = entry("gain.reached", {"trials": len(state.trials), "stop": stop, "gain": gain.to_json(), "text": text})
    seen = state.notes.get("gain.reached", [])
    if not seen or seen[-1]["trials"] != len(state.trials):
        book.commit(lambda now: ([event] if len(now.trials) == event.data["trials"] else [], None))
    return True


def _asked(state: StudyState, strategy: Strategy, n: int) -> list[Suggestion] | None:
    """What the strategy would try next, though the budget be spent; None where it never says, or knows no space yet."""
    history = _history(state)
    if history.trials_left is not None and history.trials_left < n:
        history = dataclasses.replace(history, trials_left=n)
    if not traits_of(strategy).proposes or history.space is None:
        return None
    return strategy.ask(history, n, Streams(state.settings.seed))


def _gain(state: StudyState, strategy: Strategy, asked: list[Suggestion] | None, n: int, level: float) -> Score | None:
    if _beyond_numbers(state):
        return None
    learns = traits_of(strategy).learns and asked is not None
    proposals = [suggestion.config for suggestion in asked or [] if suggestion.resume_from is None]
    history, rng = _history(state), Streams(state.settings.seed)
    left = None if learns or asked is None else _left(history, strategy, max(len(asked), 1))
    even = _is_even(history.space, strategy)
    return expected_gain(history, proposals, n, rng, learns=learns, left=left, even=even, level=level)


def _is_even(space: Space | None, strategy: Strategy) -> bool:
    """Whether a strategy fills a space evenly, also as seen along the hyperparameters that matter.

    A grid does so along a line only: of several hyperparameters each takes few values.
    """
    if isinstance(strategy, GridSearch):
        return space is not None and len(space) == 1
    return isinstance(strategy, SobolSearch)


def _left(history: History, strategy: Strategy, fewest: int) -> int | None:
    """How many configurations a strategy that does not learn still has, at least ``fewest``; None for far more."""
    assert history.space is not None
    if isinstance(strategy, GridSearch):
        most = ENDLESS * max(len(history), FURTHEST)
        found = strategy.left(history, most)
        return None if found >= most else max(found, fewest)
    count = None if history.duplicates == "replicate" else history.space.count()
    return None if count is None else max(count - len(history), fewest)


def _beyond_numbers(state: StudyState) -> str:
    """A sentence without its stop where no number holds what trials may score; empty otherwise."""
    losses = _history(state).losses
    return too_far_apart(losses) or too_large(losses)


def _history(state: StudyState) -> History:
    return state.history.snapshot(state.length)


def _suggestion(state: StudyState, strategy: Strategy, history: History) -> Suggestion:
    name = state.settings.name
    if history.space is None:
        raise RequestError(f"study '{name}' finds its space as it is used, and no trial has shown any of it yet")
    adviser = strategy if traits_of(strategy).proposes else Auto()
    if history.trials_left == 0:  # a spent budget is no reason to have nothing to say
        history = dataclasses.replace(history, trials_left=1)
    asked = adviser.ask(history, 1, Streams(state.settings.seed))
    if not asked:
        raise ExhaustedError(f"strategy '{adviser.name}' has nothing left to try in study '{name}'")
    return asked[0]


def _with_forecast(found: Advice, state: StudyState, history: History, best: Trial | None) -> Advice:
    """The advice with the score that is expected of it, in the metric's unit, where a surrogate can be fitted."""
    assert history.space is not None
    if _beyond_numbers(state):
        return found
    view = outlook(history, Streams(state.settings.seed))
    if view is None:
        return found
    unit = history.space.encode(found.config)[None]
    means, sds = view.predict(unit)
    lower = history.directions[0] == "minimize"
    _, power = np.frexp(max(np.abs(means).max(), sds.max()))  # squares of huge scores are no numbers
    sds, around = np.ldexp(sds, -power), np.ldexp(means, -power)
    mean, sd = float(means.mean()), float(np.ldexp(np.sqrt(np.mean(sds**2) + np.var(around)), power))
    mean = mean if lower else -mean
    chance = float(view.feasibility(unit)[0]) if view.limits else None
    if best is None:
        return dataclasses.replace(found, mean=mean, sd=sd, feasible=chance)
    value = best.metrics[state.first_metric]
    mode: Literal["exploring", "exploiting"] = (
        "exploiting" if (mean <= value if lower else mean >= value) else "exploring"
    )
    return dataclasses.replace(found, mean=mean, sd=sd, mode=mode, feasible=chance)


def _changes(before: Config, after: Config) -> dict[str, tuple[Value, Value]]:
    """Each value of ``after`` that ``before`` does not have, with that of ``before``."""
    return {
        name: (before.get(name), value) for name, value in after.items() if name not in before or before[name] != value
    }


def _what(config: Config, best: Trial | None, changes: Mapping[str, tuple[Value, Value]]) -> str:
    """What to try, against the best trial where there is one."""
    if best is None or not changes:
        return f"Try {_listed([f'{name} = {_value(value)}' for name, value in config.items()])}."
    named: list[str] = []
    for name, (was, now) in changes.items():
        here, before = _apart(now, was)
        there = "not active" if name not in best.config else before
        where = f"trial {best.number}, the best so far, has {there}" if not named else there
        named.append(f"{name} = {here} ({where})")
    return f"Try {_listed(named)}{', and all else as there' if len(config) > len(changes) else ''}."


def _listed(words: list[str]) -> str:
    if len(words) > SHOWN:
        return f"{', '.join(words[:SHOWN])} and {len(words) - SHOWN} more"
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _expected(found: Advice, state: StudyState, best: Trial | None) -> str:
    """What is expected of it, and what it is tried for."""
    if found.mean is None or found.sd is None:
        if said := _beyond_numbers(state):
            return f"What it may score nobody can say: {said}."
        return f"What it may score nobody can say before {FEWEST_SCORES} trials have scored differently."
    metric, wish = state.first_metric, " and ".join(map(str, state.settings.constraints))
    mean, reached = _apart(found.mean, None if best is None else best.metrics[metric])
    said = f"Expected there: {metric} {mean} ± {found.sd:.2g} by a Gaussian process"
    if found.feasible is not None:
        said += f", and with a probability of {found.feasible:.2g} that it meets {wish}"
    if best is None:
        return f"{said}; no trial so far meets that." if wish else f"{said}."
    said += f"; the best so far is {reached}."
    if found.mode == "exploiting":
        return f"{said} That exploits what is known: it is expected to be at least as good as the best."
    return f"{said} That explores: it is expected to be worse than the best, but may well be better."


def _value(value: Value, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _apart(one: Value, other: Value) -> tuple[str, str]:
    """Two values in four digits, or in as many as tell them apart."""
    texts = [(_value(one, digits), _value(other, digits)) for digits in range(4, 18)]
    return next((pair for pair in texts if pair[0] != pair[1]), texts[0])
