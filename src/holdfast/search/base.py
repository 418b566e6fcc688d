"""The interface of a strategy: a pure function of the history.

So a crash, a resume and a second worker need no special case.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Protocol

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion, Value, Verdict, as_whole
from holdfast.rng import Streams
from holdfast.search.history import History
from holdfast.space import Domain, Space

TRIES_FOR_A_NEW_CONFIG = 200
Ranking = Callable[[int, list[Config]], Iterator[tuple[Config, str]]]
"""Candidates for the trial of a number beside those before it that are asked for at once, and the reason of each."""


class Strategy(Protocol):
    """What proposes configurations. Settings are frozen fields; everything else comes from the history.

    Two optional methods are used where they exist: ``judge(history, trial) -> Verdict`` after each report, and
    ``draw(history, partial, name, domain, rng) -> Value`` for one value after the other of the trial numbered
    ``len(history)``, in a space that is found as it is used; ``partial`` holds the values drawn so far.
    ``explain(history) -> str`` may say what is being done and why; each time its words change, the log says so.
    """

    @property
    def name(self) -> str:
        """The word a plan uses for it."""
        ...

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Propose up to ``n`` suggestions; none means that there is nothing to propose until something changes.

        New trials will be numbered from ``len(history)`` on in the order returned. Random draws come from ``rng`` under
        these numbers. A cache may save time, never change a result.
        """
        ...


def judge(strategy: Strategy, history: History, trial: int) -> Verdict:
    """The strategy's verdict on a running trial; CONTINUE where it has no opinion."""
    method: Callable[[History, int], Verdict] | None = getattr(strategy, "judge", None)
    return Verdict.CONTINUE if method is None else method(history, trial)


def explain(strategy: Strategy, history: History) -> str:
    """What the strategy does at this point of the history, in words."""
    method: Callable[[History], str] | None = getattr(strategy, "explain", None)
    return strategy.name if method is None else method(history)


def drawn_config(strategy: Strategy, history: History, rng: Streams) -> Config | None:
    """What a strategy with a ``draw`` of its own proposes for the hyperparameters found so far, one after the other.

    Those that are not asked for beside the values drawn before, as far as the trials show, are left out. None where it
    has no ``draw``, or nothing has been found yet; `Strategy.ask` proposes whole configurations then.
    """
    method: Callable[[History, Config, str, Domain, Streams], Value] | None = getattr(strategy, "draw", None)
    if method is None or history.space is None:
        return None
    config: Config = {}
    for name, domain in history.space.domains.items():
        if name in history.space.active(config):
            config[name] = domain.check(method(history, dict(config), name, domain, rng), name)
    return config


def known_space(history: History, name: str) -> Space:
    """The history's space, or one sentence if it has none yet."""
    if history.space is None:
        raise RequestError(f"strategy '{name}' needs a declared space: Study(holdfast.Space({{...}}), ...)")
    return history.space


def fidelity_needed(name: str) -> RequestError:
    """What a strategy that pauses trials says to a study that declares no fidelity."""
    return RequestError(
        f"strategy '{name}' needs a fidelity, such as Study(..., fidelity=holdfast.Fidelity('epoch', 1, 81))"
    )


def one_objective(history: History, name: str) -> None:
    """Refuse a study of several objectives by name."""
    if len(history.directions) > 1:
        pauses = history.fidelity is not None and history.fidelity.min < history.fidelity.max
        others = "bohb, asha, hyperband and priorband do" if pauses else "gp, tpe and evolution do"
        raise RequestError(
            f"strategy '{name}' handles one objective, and the study has {len(history.directions)}; {others}"
        )


def keep_whole(strategy: Strategy, setting: str, least: int) -> None:
    """Keep a setting of a strategy as a whole number of Python's; one under ``least`` is refused in one sentence."""
    given: object = getattr(strategy, setting)
    value = as_whole(given)
    if value is None or value < least:
        raise RequestError(f"{strategy.name} has {setting} = {given!r}; it needs a whole number of at least {least}")
    object.__setattr__(strategy, setting, value)


def new_configs(history: History, n: int, propose: Callable[[int, int], Config]) -> list[Config]:
    """Up to ``n`` allowed configurations that no trial has had; ``propose(number, attempt)`` gives candidates.

    In an infinite space a repetition is a coincidence and is replaced; a finite one may be exhausted, and then fewer
    than ``n`` come back. In a study that replicates, every allowed candidate is taken.
    """

    def candidates(number: int, _: list[Config]) -> Iterator[tuple[Config, str]]:
        for attempt in itertools.count():
            yield propose(number, attempt), ""

    return [config for config, _ in _found(history, n, candidates)]


def new_suggestions(history: History, n: int, rng: Streams, name: str, ranking: Ranking) -> list[Suggestion]:
    """As `new_configs`, from what a strategy ranks highest for each trial; behind the ranking come random draws.

    Args:
        history: the study.
        n: how many at most.
        rng: the study's streams.
        name: the strategy's.
        ranking: ``ranking(number, before)`` gives candidates for the trial of that number, the best first, each with
            its reason; ``before`` is what was found for the trials before it that are asked for at once.
    """
    space = known_space(history, name)

    def candidates(number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        ranked = 0
        for ranked, candidate in enumerate(ranking(number, before), start=1):  # noqa: B007 (counts on behind the loop)
            yield candidate
        for attempt in itertools.count(ranked):
            config = space.sample(rng.generator(number, f"{name}/random/{attempt}"))
            yield config, f"{name}: a random draw, since the best candidates were tried"

    found = _found(history, n, candidates)
    return [Suggestion(config, reason or f"{name}: one of the last left", history.index) for config, reason in found]


def _found(history: History, n: int, candidates: Ranking) -> list[tuple[Config, str]]:
    """Up to ``n`` allowed and new configurations with their reasons, "" for one of the last that are left."""
    space = known_space(history, "this one")
    found: list[tuple[Config, str]] = []
    taken: set[str] = set()
    for number in range(len(history), len(history) + n):
        ranked = candidates(number, [config for config, _ in found])
        for config, reason in itertools.islice(ranked, TRIES_FOR_A_NEW_CONFIG):
            if not space.allows(config):
                continue
            key = space.key(config)
            if history.duplicates == "replicate" or (key not in taken and not history.contains_key(key)):
                taken.add(key)
                found.append((config, reason))
                break
        else:
            rest = _first_unused(history, space, taken)
            if rest is None:
                break
            taken.add(space.key(rest))
            found.append((rest, ""))
    return found


def _first_unused(history: History, space: Space, taken: set[str]) -> Config | None:
    """In a finite space, the first configuration in grid order that is left; None if there is none."""
    count = space.count()
    if count is None:
        return None
    for config in space.grid(max(domain.cells or 1 for domain in space.domains.values())):
        if space.key(config) not in taken and not history.contains(config):
            return config
    return None
