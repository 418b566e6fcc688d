"""Changes of a study that is under way: another space, with its reason, and what earlier studies found."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import RequestError, nearest, shown
from holdfast.records import OBJECTIVE, Config, Entry, TrialState, Value
from holdfast.space import Derived, Domain, Space, tree
from holdfast.space.changed import changed
from holdfast.study.book import Book, entry
from holdfast.study.constraints import is_feasible
from holdfast.study.state import StudyState

_told = logging.getLogger("holdfast")


def amend(
    book: Book,
    amended: Space | Mapping[str, Domain | Derived | Value],
    why: str,
    values: Mapping[str, Value],
    beside: Sequence[Entry] = (),
) -> None:
    """Search another space from here on; trials before it stand at ``values`` in what they did not have.

    One that is given as a mapping keeps derived values and rules, and loses what can never be active any more with what
    names it (see `holdfast.space.changed`). What is written ``beside`` it is on the record with it or not at all.

    Raises:
        RequestError: without a reason, for a space that was never declared, or one that lacks a hyperparameter.
        SpaceError: for values that do not fit into the new space.
    """
    state = book.state
    before, name = state.settings.space, state.settings.name
    if before is None:
        raise RequestError(f"study '{name}' finds its space as it is used; the objective amends it, not amend()")
    if not isinstance(why, str) or not why.strip():
        raise RequestError("amend needs a reason, such as amend(space, why='the best trials lie at the upper bound')")
    space = amended if isinstance(amended, Space) else _made_of(before, amended)
    _check_nothing_is_lost(before, space)
    for added, value in values.items():
        if added not in space or added in before:
            new = [other for other in space.names if other not in before]
            hint = nearest(added, new) or f"; there are {', '.join(new) or 'none'}"
            raise RequestError(f"values has '{added}', which is no hyperparameter that the amended space adds{hint}")
        space[added].check(value, added)
    if space == before:
        return
    book.supply(space)
    data = {"space": [list(pair) for pair in space.to_json().items()], "values": dict(values), "why": why}

    def decide(now: StudyState) -> tuple[list[Entry], None]:
        if now.settings.space != before:
            raise RequestError(
                f"study '{name}' was amended by somebody else meanwhile; look at its space, and amend it again"
            )
        return [entry("space.amended", data), *beside], None

    book.commit(decide)
    _say_what_does_not_fit(book.state, before)


def _say_what_does_not_fit(state: StudyState, before: Space) -> None:
    """Warn of enqueued configurations that a person may not want any more."""
    waiting = [request.config for request in state.queue.values()]
    if out := [config for config in waiting if state.history.as_amended(config) is None]:
        _told.warning(
            "%d of %d enqueued configurations do not fit into the amended space, such as %s; they are tried all the "
            "same, and neither strategies nor the choice of the best see them",
            len(out),
            len(waiting),
            ", ".join(f"{name} = {shown(value)}" for name, value in before.ordered(out[0]).items()),
        )


def _made_of(before: Space, amended: Any) -> Space:
    """The space of all hyperparameters that are given, with the rules that there were."""
    if not isinstance(amended, Mapping) or not amended:
        return Space(amended)
    items, rules = changed(before, {**before.items(), **amended})
    searched = {name: item for name, item in items.items() if isinstance(item, Domain)}
    missing = [name for name in searched if name not in amended]
    for name in missing:
        if tree.can_be_active(searched, name):
            raise _lacks(before, name)
    return Space({name: item for name, item in items.items() if name not in missing}, rules)


def _check_nothing_is_lost(before: Space, space: Space) -> None:
    """Refuse a space that lacks a hyperparameter whose conditions could hold in it."""
    for name in lost(before, space):
        raise _lacks(before, name)


def lost(before: Space, space: Space) -> list[str]:
    """The hyperparameters that an amended space lacks, though their conditions could hold in it."""
    domains = {**before.domains, **space.domains}
    return [
        name
        for name in before.names
        if name not in space and (name in space.derived or tree.can_be_active(domains, name))
    ]


def _lacks(before: Space, name: str) -> RequestError:
    when = {parent: list(values) for parent, values in before[name].when.items()}
    if not when:
        return RequestError(
            f"the amended space lacks '{name}'; fix it at a plain value instead, as in {{'{name}': 3}}, so that "
            "trials with that value still count"
        )
    return RequestError(
        f"the amended space lacks '{name}', which is active where {_in_words(when)}, and so it can still be; "
        f"fix it at a plain value instead, as in {{'{name}': Categorical([3], when={when!r})}}, so that trials "
        "with that value still count, or take what it depends on away, too"
    )


def _in_words(when: Mapping[str, Sequence[Value]]) -> str:
    return " and ".join(f"'{parent}' is {' or '.join(map(repr, values))}" for parent, values in when.items())


def books_of(earlier: object) -> list[Book]:
    """The books of earlier studies.

    Raises:
        RequestError: if they are no studies.
    """
    if not isinstance(earlier, Sequence) or isinstance(earlier, str):
        raise RequestError(
            f"earlier = {shown(earlier)}; it takes a list of studies, such as [load_study(name, storage)]"
        )
    return [book_of(each) for each in earlier]


def book_of(study: object) -> Book:
    """The book of an earlier study.

    Raises:
        RequestError: if it is no study.
    """
    book = getattr(study, "book", None)
    if not isinstance(book, Book):
        raise RequestError(f"{shown(study)} is no study to learn from; give one, such as load_study(name, storage)")
    return book


def learn(book: Book, other: Book) -> None:
    """Put on record what another study found, so that strategies can learn from it.

    Raises:
        RequestError: if the other one is this study, has no complete trial or none of the hyperparameters, or wants
            the other direction of a metric of the same name.
    """
    other.refresh()
    book.refresh()
    name = other.state.settings.name
    if other.log is book.log or (other.head.length > 0 and other.head == book.head):
        raise RequestError(f"study '{name}' cannot learn from itself; name an earlier one")
    trials = found_by(other.state)
    if not trials:
        raise RequestError(f"study '{name}' has no complete trial yet, so there is nothing to learn from it")
    _check_alike(book.state, other.state)
    data = {
        "name": name,
        "head": [other.head.length, other.head.hash],
        "metric": other.state.first_metric,
        "direction": other.state.settings.directions[other.state.first_metric],
        "trials": [[config, value] for config, value in trials],
    }
    seen = [note for note in learned_notes(book.state) if note["name"] == name]
    if not seen or seen[-1]["head"] != data["head"]:
        book.note("study.learned", data)


def _check_alike(state: StudyState, earlier: StudyState) -> None:
    """Refuse a study that has nothing to say of this one."""
    name, metric = earlier.settings.name, earlier.first_metric
    was, now = earlier.settings.directions[metric], state.settings.directions.get(metric)
    if now is not None and was != now and metric != OBJECTIVE:  # unnamed metrics may well be different ones
        raise RequestError(
            f"study '{name}' wants to {was} '{metric}' and this one to {now} it, so its best trials are bad ones; "
            "give the metric another name if it is another one"
        )
    mine, theirs = (each.settings.space or each.history.space for each in (state, earlier))
    if mine is not None and theirs is not None and not set(mine.names) & set(theirs.names):
        raise RequestError(
            f"study '{name}' has none of the hyperparameters of this one ({', '.join(mine.names[:5])}), so there is "
            "nothing to learn from it"
        )


def learn_all(book: Book, earlier: Sequence[Book]) -> None:
    """Learn from studies by other names than those that were learned from when the study began.

    Raises:
        RequestError: if two of them have one name.
    """
    names = [other.state.settings.name for other in earlier]
    if len(set(names)) < len(names):
        raise RequestError(f"earlier has two studies of one name among {', '.join(names)}; give each its own name")
    known = {note["name"] for note in learned_notes(book.state)}
    for other, name in zip(earlier, names, strict=True):
        if name not in known:
            learn(book, other)


def learned_notes(state: StudyState) -> Sequence[Mapping[str, Any]]:
    """What was learned from earlier studies, as it stands in the log."""
    return state.notes.get("study.learned", [])


def found_by(state: StudyState) -> list[tuple[Config, float]]:
    """Configuration and first objective of every complete trial that meets the study's constraints."""
    metric, constraints = state.first_metric, state.settings.constraints
    return [
        (dict(trial.config), trial.metrics[metric])
        for trial in state.trials
        if trial.state is TrialState.COMPLETE
        and math.isfinite(trial.metrics.get(metric, math.nan))
        and is_feasible(constraints, trial.metrics)
    ]
