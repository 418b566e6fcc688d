"""Another space for a study that is under way, from its plan as it is now; the plan on record becomes that one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.address import is_server
from holdfast.data.seal import SealRecord
from holdfast.errors import BusyStudyError, PlanError, RequestError, SpaceError
from holdfast.facts.numbers import count
from holdfast.facts.winner import describe
from holdfast.log.open import open_log, storage_path
from holdfast.protocol.asked import Known, Search, search_of
from holdfast.protocol.differences import beside_space, different_keys
from holdfast.protocol.folder import DEFAULT_RUNS, RunFolder, alone, command, find_run, no_study
from holdfast.protocol.inspected import left_at_defaults
from holdfast.protocol.learn import task_of
from holdfast.protocol.plan import Plan
from holdfast.protocol.prepare import check_again, is_prepared, known_rows, plan_event, write_plan
from holdfast.protocol.read import PlanFile, read_plan
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.salvaged import refuse_without_beginning
from holdfast.records import Config, Fidelity, Value
from holdfast.search.registry import settings_of
from holdfast.space import Derived, Domain, Space
from holdfast.space.space import default_of
from holdfast.study import actions
from holdfast.study.amend import amend as amend_space
from holdfast.study.amend import lost
from holdfast.study.book import Book
from holdfast.study.holding import in_hand
from holdfast.study.lock import DriverLock
from holdfast.study.losses import OPENED, OPENED_BEFORE
from holdfast.study.state import StudyState

FORBIDDEN = "forbidden"
"""The name under which a rule stands among the changes of a space."""


@dataclass(frozen=True)
class Change:
    """What was said of a hyperparameter, or forbidden, and what is now, in words; None where there is nothing."""

    name: str
    was: str | None
    now: str | None


@dataclass(frozen=True)
class Amendment:
    """What became of a study whose space was amended.

    Attributes:
        name: the study's.
        why: the reason.
        changes: of the space; none where the plan says the same in other words.
        stand: the values at which earlier trials stand in what was added.
        trained: the values that they were trained with where these lie outside of what was added.
        trials: how many there are.
        hidden: how many of them do not fit into the space any more.
        forbidden: how many of the others it forbids now; these still count.
    """

    name: str
    why: str
    changes: tuple[Change, ...]
    stand: Config
    trained: Config
    trials: int
    hidden: int
    forbidden: int


def amend(
    plan: str | Path | Mapping[str, Any] | Plan | PlanFile,
    *,
    why: str,
    values: Mapping[str, Value] | None = None,
    runs: str | Path = DEFAULT_RUNS,
) -> Amendment:
    """Let a study that is under way search the space of its plan as this is now; nothing else in it may differ.

    ``tune`` and ``resume`` go on with the new plan. What becomes of earlier trials is that of `Study.amend`.

    Args:
        plan: the changed plan, by its path or as a dict.
        why: the reason, which the record and the pages show.
        values: where earlier trials stand in hyperparameters that are added; by default at what the family's code
            takes where a plan does not say it, or else at the default.
        runs: the folder of all runs.

    Raises:
        RequestError: without a reason; if there is no such study, or its search is over; if nothing differs, or more
            than the space; for a space or values that cannot be.
        BusyStudyError: if another process works on the study.
    """
    if not isinstance(why, str) or not why.strip():
        raise RequestError(
            'an amendment needs a reason, which stands on every page: --why "the best trials lie at the upper bound"'
        )
    file = plan if isinstance(plan, PlanFile) else read_plan(plan)
    run = RunFolder(Path(runs), file.plan.study.name)
    if run.runs.is_dir() and not run.path.exists():
        begin = command(run.runs, "tune", "PLAN" if file.path is None else str(file.path))
        raise RequestError(f"{no_study(run.runs, run.name)}; a study begins with: {begin}")
    run = find_run(run.runs, run.name)
    with alone(run), _undriven(run) as book:
        _check_under_way(book, run)
        _check_differences(file, run, book)
        known = known_rows(file, run, book)
        found = search_of(file, known)
        _check_same_search(file, found, book)
        return _amended(file, run, book, found, _stand(found, known, book.state, values or {}), why)


@contextmanager
def _undriven(run: RunFolder) -> Iterator[Book]:
    """The study, with nobody at work on it meanwhile.

    Raises:
        BusyStudyError: if a process on this machine, or one that shows signs of life elsewhere, has trials of it.
    """
    storage = run.recorded_storage()
    lock = DriverLock(storage_path(storage), run.name, shared=is_server(storage))
    lock.take(exclusive=True)
    with closing(lock), closing(open_log(storage, run.name)) as log:
        book = Book(log)
        running = [trial for trial in actions.running(book.state) if trial.cause is None]
        if is_server(storage) and in_hand(running, log.leases):
            raise BusyStudyError(f"study '{run.name}' is being driven by another process; wait for it, or stop it")
        yield book


def _check_under_way(book: Book, run: RunFolder) -> None:
    """Refuse a study that was not begun from a plan, or has no search before it.

    Raises:
        RequestError: if it is so.
    """
    refuse_without_beginning(book)
    if not is_prepared(book):
        raise RequestError(f"study '{run.name}' was not begun from a plan; amend it in its own code: study.amend(...)")
    state, notes = book.state, book.state.notes
    ended = ""
    if notes.keys() & {OPENED, OPENED_BEFORE}:
        ended = "its test rows have been opened"
    elif "choice.made" in notes:
        ended = f"trial {notes['choice.made'][-1]['trial']} has been chosen"
    elif "limits.reached" in notes:
        ended = "its budget is spent"
    elif state.budget_spent:
        ended = f"all its {count(len(state.trials), 'trial')} were asked for"
    if ended:
        raise RequestError(
            f"the search of study '{run.name}' is over, as {ended}, so that no other space can be searched; give the "
            "new plan another name"
        )
    nested = recorded_plan(book).plan.data.split.get("nested")
    if nested and (state.scored or (run.path / "nested").exists()):
        raise RequestError(
            f"study '{run.name}' scores its procedure in {nested} outer folds, and a space that is chosen by scores on "
            "rows of these folds is no part of a procedure that has not seen them; give the new plan another name"
        )


def _check_differences(file: PlanFile, run: RunFolder, book: Book) -> None:
    """Refuse a plan that does not differ, or not in the space alone.

    Raises:
        RequestError: naming what else differs; or first what could not be in any plan.
    """
    old, new = recorded_plan(book).plan.to_json(), file.plan.to_json()
    if old == new:
        raise PlanError(f"nothing has changed: the plan of study '{run.name}' on record is this one")
    if others := different_keys(beside_space(old), beside_space(new)):
        check_again(file, run, book)
        raise PlanError(
            f"more than the space of study '{run.name}' has changed ({'; '.join(others)}); an amendment changes "
            "[space], [search] forbid and the limits on the size of models in [model], so restore the rest, or give "
            "the new plan another name"
        )


def _check_same_search(file: PlanFile, found: Search, book: Book) -> None:
    """Refuse a space by which the study would be another one: trained or searched in another way.

    Raises:
        RequestError: naming what would be different, or the hyperparameter that the space lacks.
    """
    settings = book.state.settings
    name = settings.name
    assert settings.space is not None
    with file.at("space"):
        if gone := lost(settings.space, found.space):
            value = json.dumps(default_of(settings.space[gone[0]]))
            raise PlanError(
                f"[space] lacks '{gone[0]}', which is in the space of study '{name}'; fix it at a value instead, so "
                f'that trials with that value still count: {gone[0]} = {{ type = "categorical", choices = [{value}] }}'
            )
        if found.fidelity != settings.fidelity:
            raise PlanError(
                f"[space] changes by what trials of study '{name}' are paused ({_words(settings.fidelity)} "
                f"was set, and it is {_words(found.fidelity)}), which is no change of the space alone"
            )
        strategy = json.loads(json.dumps(settings_of(found.strategy)))
        if strategy != settings.strategy_settings:
            differing = "; ".join(different_keys(settings.strategy_settings, strategy, "search.settings"))
            raise PlanError(
                f"[space] changes the settings of strategy '{settings.strategy}', which study '{name}' keeps "
                f"({differing})"
            )
        fits = SealRecord.from_json(book.state.notes["data.split"][0]["seal"]).fits
        if settings.workers is not None and found.at_once(file.plan, fits) > settings.workers:
            raise PlanError(
                f"study '{name}' is deterministic for {settings.workers} trials at once, and in this space "
                f"{found.at_once(file.plan, fits)} networks would be trained at once"
            )


def _words(fidelity: Fidelity | None) -> str:
    return "nothing" if fidelity is None else f"{fidelity.name} from {fidelity.min:,} to {fidelity.max:,}"


@dataclass(frozen=True)
class _Stand:
    """Where earlier trials stand in what is added: as a person says, and as the family's code had them."""

    values: Config
    outside: Config


def _stand(found: Search, known: Known, state: StudyState, values: Mapping[str, Value]) -> _Stand:
    """Where earlier trials stand in what is added.

    Without a word they were fitted with what the family's code takes for a hyperparameter that no plan names.
    """
    before = state.settings.space
    assert before is not None
    task = task_of(found.recipe, len(known.train), len(known.schema.features))
    left = left_at_defaults(found.recipe, before.default_config(), task)
    had = {each.name.rpartition("__")[2]: each.value for each in left}
    inside, outside = dict(values), {}
    for name in found.space.names:
        if name in before or name in values or name not in had:
            continue
        try:
            inside[name] = found.space[name].check(had[name], name)
        except SpaceError:
            outside[name] = had[name]
    return _Stand(inside, outside)


def _amended(file: PlanFile, run: RunFolder, book: Book, found: Search, stand: _Stand, why: str) -> Amendment:
    """Put the space and the plan on record, in one piece, and the plan into the folder of the run."""
    before, space = book.state.settings.space, found.space
    assert before is not None
    if space == before:
        book.commit(lambda _: ([plan_event(file)], None))
    else:
        amend_space(book, space, why, stand.values, [plan_event(file)])
    write_plan(file.plan, run)
    state = book.state
    fitting = {trial.number: state.history.as_amended(trial.config) for trial in state.trials}
    hidden = [number for number in fitting if number in state.history.masked]
    counted = [config for number, config in fitting.items() if number not in hidden and config is not None]
    added = [name for name in space.names if name not in before]
    first = next(iter(counted), {})
    return Amendment(
        name=run.name,
        why=why,
        changes=changes_between(before, space),
        stand={name: first[name] for name in added if name in first},
        trained=stand.outside,
        trials=len(fitting),
        hidden=len(hidden),
        forbidden=sum(not space.allows(config) for config in counted),
    )


def changes_between(before: Space, after: Space) -> tuple[Change, ...]:
    """What is different between two spaces, in words."""
    old, new = before.items(), after.items()
    found = []
    for name in {**old, **new}:
        was, now = old.get(name), new.get(name)
        if was is not None and now is not None and was.to_json() == now.to_json():
            continue
        words = [None if item is None else _item_words(item) for item in (was, now)]
        if words[0] == words[1]:
            words[1] = f"{words[1]}, with another default or prior"
        found.append(Change(name, *words))
    rules = [[rule.name for rule in space.forbid] for space in (before, after)]
    found += [Change(FORBIDDEN, rule, None) for rule in rules[0] if rule not in rules[1]]
    found += [Change(FORBIDDEN, None, rule) for rule in rules[1] if rule not in rules[0]]
    return tuple(found)


def _item_words(item: Domain | Derived) -> str:
    return f"computed as {item.expression}" if isinstance(item, Derived) else describe(item)
