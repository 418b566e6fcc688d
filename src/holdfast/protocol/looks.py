"""Looks at validation and select rows: each is on the ledger before it is taken, and later ones pay for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from holdfast.data.fingerprint import fingerprint
from holdfast.data.uses import looked_at
from holdfast.evaluate import wording
from holdfast.evaluate.estimate import Estimate
from holdfast.evaluate.sheet import is_finite
from holdfast.facts.numbers import count, listed
from holdfast.log.base import Conflict, Head, StudyLog
from holdfast.protocol.ledger import (
    Recorded,
    all_hashes,
    entry_data,
    hashes_of,
    ledger_of,
    recorded_uses,
    study_hash,
)
from holdfast.protocol.prepare import Ready
from holdfast.records import RowScores
from holdfast.study.book import entry

Looked = Literal["validation", "select"]

NAMED = 5
"""So many earlier looks are told one by one."""


@dataclass(frozen=True)
class Look:
    """A look of a study at rows of a role.

    Attributes:
        role: what the rows are for; validation rows of folds, too.
        rows: how many.
        fingerprint: theirs.
        configurations: how many were compared on them.
        earlier: a sentence on each look at some of them before, whatever they were for then.
        before: how many configurations those were.
        ledger: the ledger's end right after this look.
    """

    role: Looked
    rows: int
    fingerprint: str
    configurations: int
    earlier: tuple[str, ...]
    before: int
    ledger: Head

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {**asdict(self), "earlier": list(self.earlier)}

    def sentence(self) -> str:
        """What the estimate makes of earlier looks; empty without any."""
        if not self.earlier:
            return ""
        more = [count(len(self.earlier) - NAMED, "more look")] if len(self.earlier) > NAMED else []
        before = f"The {self.role} rows had been looked at before: {listed([*self.earlier[:NAMED], *more])}."
        if self.role == "validation":
            return f"{before} The interval pays for what this study compared, and not for those."
        every = self.before + self.configurations
        return (
            f"{before} The interval pays for all {every:,} configurations that were ever compared on them; the earlier "
            "ones count as if each could have won, and its lower end is that of a search that looked at their scores, "
            "as nobody can say whether this study did."
        )

    def told(self, made: Estimate, own: Sequence[RowScores]) -> list[str]:
        """The sentences of an estimate that pays for configurations of earlier looks, which have no scores here.

        ``own`` are the row scores of this study. What is said of rows without scores, and of the search, is true of
        those only as far as it is true of these.
        """
        if not self.before:
            return list(made.sentences)
        total, n_rows = made.n_configurations, made.score.n
        lacking = sum(not is_finite(rows) for rows in own)
        selected = count(len(own), "configuration")
        instead = {
            wording.selected_from(total, n_rows, made.effective_configurations): (
                f"The winner of {selected} was selected on {n_rows:,} rows, on some of which {self.before:,} more had "
                "been compared before."
            ),
            wording.why(wording.RACED): (
                "Those that were compared before have no scores here: the selection is repeated in simulation among "
                "all that could have won, those included, and its mean optimism is taken off."
            ),
            wording.not_finite(lacking + self.before, total): (
                wording.not_finite(lacking, len(own)) if lacking else ""
            ),
            wording.ADAPTIVE: "",
        }
        return [text for text in (instead.get(each, each) for each in made.sentences) if text]


def begin_search(ready: Ready) -> None:
    """Enter on the ledger, once, that trials will be judged on the validation rows, and how many at most."""
    rows = hashes_of(ready.book, "judged")
    if not len(rows):  # a log of an earlier version
        return
    own = study_hash(ready.book)
    with ledger_of(ready.run) as ledger:
        while True:
            head, known = ledger.head(), recorded_uses(ledger)
            if any(each.study_hash == own and each.use.role == "validation" for each in known):
                return
            if _append(ledger, ready, "validation", rows, ready.plan.most_trials, head) is not None:
                return


def look_at(ready: Ready, role: Looked, configurations: int) -> Look | None:
    """Enter on the ledger that configurations are compared on the rows of a role, and find the looks before.

    A look at select rows that a crash cut short is the same look when it is taken again. None for a log of an earlier
    version, which does not name its rows one by one.
    """
    rows = hashes_of(ready.book, "judged" if role == "validation" else role)
    if not len(rows):
        return None
    with ledger_of(ready.run) as ledger:
        place = None
        while place is None:
            head = ledger.head()
            known = recorded_uses(ledger)
            again = _cut_short(ready, known) if role == "select" else None
            before = known if again is None else known[: known.index(again)]
            place = _append(ledger, ready, role, rows, configurations, head) if again is None else again.place
    earlier = _earlier(ready, role, rows, before)
    said = [use.use.words(shared) for use, shared in earlier]
    many = sum(use.use.configurations for use, _ in earlier)
    return Look(role, len(rows), fingerprint(rows), configurations, tuple(said), many, place)


def _append(
    ledger: StudyLog, ready: Ready, role: Looked, rows: np.ndarray, configurations: int, head: Head
) -> Head | None:
    """Enter a look behind ``head``; None if somebody else was first."""
    data = entry_data(ledger, ready.run.name, study_hash(ready.book), rows)
    data |= {"role": role, "configurations": configurations, "log": asdict(ready.book.head)}
    result = ledger.append([entry("rows.used", data)], head)
    return None if isinstance(result, Conflict) else result


def _cut_short(ready: Ready, known: Sequence[Recorded]) -> Recorded | None:
    """The look at select rows by this very study that never came to a choice.

    No trial may have gone on since: a log that was put back to an earlier state and searched on is no crash.
    """
    own = study_hash(ready.book)
    for recorded in reversed(known):
        if recorded.study_hash == own and recorded.use.role == "select" and recorded.log is not None:
            events = list(ready.book.log.read(recorded.log["length"] - 1))
            is_there = bool(events) and events[0].hash == recorded.log["hash"]
            if is_there and not any(event.kind.startswith("trial.") for event in events[1:]):
                return recorded
    return None


def _earlier(ready: Ready, role: Looked, rows: np.ndarray, before: Sequence[Recorded]) -> list[tuple[Recorded, int]]:
    """The looks before at some of the rows, and at how many; a study's own search is none."""
    own, table, found = study_hash(ready.book), all_hashes(ready.book), []
    for recorded in before:
        if recorded.study_hash == own and (recorded.use.role != role or role == "validation"):
            continue
        shared = int(looked_at(rows, role, recorded.use, table).sum())
        if shared:
            found.append((recorded, shared))
    return found
