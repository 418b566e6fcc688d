"""Taking every decision of a study again, from its log alone, and comparing it with what is on record.

A strategy is a pure function of the history, so on the environment that the study ran on every suggestion, reason and
verdict comes out the same, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from holdfast.log.base import written
from holdfast.log.salvage import LOST
from holdfast.records import Entry, Event, Report, Verdict, canonical_json, number_from_json
from holdfast.search.base import Strategy
from holdfast.space.rules import Predicate
from holdfast.study import actions
from holdfast.study.ordered import Ordered
from holdfast.study.state import StudyState, fold

GIVEN = frozenset({"trial.asked", "trial.resumed"})
ENDS = frozenset({"trial.told", "trial.paused", "trial.reported"})


@dataclass(frozen=True, slots=True)
class Difference:
    """The first decision that comes out otherwise: the event, and what is recorded and computed, as sentences."""

    index: int
    what: str
    recorded: str
    computed: str

    def __str__(self) -> str:
        return (
            f"event {self.index:,}, {self.what}: the log has {self.recorded}, and computed anew it is {self.computed}"
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was taken again: suggestions of the strategy, verdicts on reports, and those that a person enqueued."""

    suggestions: int
    verdicts: int
    enqueued: int
    difference: Difference | None


def replay(events: Iterable[Event], strategy: Strategy, predicates: Sequence[Predicate] = ()) -> Replayed:
    """Take every decision of a study again, until the first one that differs, or an event that is lost.

    Args:
        events: the log, from its beginning.
        strategy: that of the study.
        predicates: the functions by which its space forbids, which no log holds.
    """
    found = _Replay(strategy, predicates)
    for event in takewhile(lambda event: event.kind != LOST, events):
        found.take(event)
        if found.difference is not None:
            break
    else:
        found.close()
    return Replayed(found.suggestions, found.verdicts, found.enqueued, found.difference)


class _Replay:
    """The fold of a log, with the decisions that are due at each of its events."""

    def __init__(self, strategy: Strategy, predicates: Sequence[Predicate]) -> None:
        self._strategy, self._predicates = strategy, predicates
        self._state: StudyState | None = None
        self._ordered: Ordered | None = None
        self._group: list[Event] = []
        self._due: dict[int, tuple[Verdict, int]] = {}
        self.suggestions = self.verdicts = self.enqueued = 0
        self.difference: Difference | None = None

    def take(self, event: Event) -> None:
        """One more event: those of one decision of the strategy are gathered, all others are folded at once."""
        if event.kind == "strategy.chosen" or self._is_suggested(event):
            if self._group and not self._belongs(event):
                self.close()
            self._group.append(event)
            return
        self.close()
        self._check_verdict(event)
        self._fold(event)
        if event.kind == "trial.reported":
            self._judge(event)

    def close(self) -> None:
        """Compare the events of one decision with what the strategy says of the history before them."""
        group, self._group = self._group, []
        given = [event for event in group if event.kind in GIVEN]
        if given and self._state is not None and self.difference is None:
            again = [written(item) for item in self._again(self._state, given)]
            self.difference = next(_differences(group, again), None)
            self.suggestions += len(given)
        for event in group:
            self._fold(event)

    def _again(self, state: StudyState, given: Sequence[Event]) -> list[Entry]:
        """The events of a decision, computed anew."""
        if self._ordered is not None:
            return actions.decided(self._ordered, self._strategy)
        return actions.suggested(state, self._strategy, int(given[0].data.get("of", len(given))))

    def _is_suggested(self, event: Event) -> bool:
        if event.kind == "trial.asked" and event.data["enqueued"] is not None:
            self.enqueued += 1
            return False
        return event.kind in GIVEN

    def _belongs(self, event: Event) -> bool:
        """Whether an event is of the decision that is gathered: nothing was logged that it had seen in between."""
        seen = [item.data["seen"] for item in self._group if item.kind in GIVEN]
        if seen and self._ordered is not None:
            return False
        return event.kind in GIVEN and (not seen or event.data["seen"] == seen[0])

    def _judge(self, event: Event) -> None:
        assert self._state is not None
        metrics = {name: number_from_json(value) for name, value in event.data["metrics"].items()}
        said = Report(event.data["trial"], event.data["step"], metrics)
        known = None if self._ordered is None else self._ordered.view(said.trial)
        self._due[said.trial] = (actions.verdict(self._state, self._strategy, said, known), event.index)
        self.verdicts += 1

    def _check_verdict(self, event: Event) -> None:
        """Compare a recorded verdict, or that there is none, with what is due."""
        number = event.data.get("trial")
        if number not in self._due:
            return
        due, index = self._due[number]
        judged = event.kind == "trial.judged"
        if judged or event.kind in ENDS:
            recorded = Verdict(event.data["verdict"]) if judged else Verdict.CONTINUE
            if recorded is not due:
                what = f"the verdict on trial {number}"
                self.difference = Difference(index, what, recorded.value, due.value)
            del self._due[number]
        elif event.kind == "trial.restarted":  # it was killed before its verdict was on record
            del self._due[number]

    def _fold(self, event: Event) -> None:
        item = Entry(event.kind, event.data, event.time)
        self._state = fold(self._state, item, event.index)
        if event.index == 0 and self._state.settings.workers is not None:
            self._ordered = Ordered(self._state.settings.workers)
        if self._ordered is not None:
            self._ordered.take(item)
        if event.index == 0:
            for each in (self._state, self._ordered):
                if each is not None:
                    each.supply(self._predicates)


def _differences(recorded: Sequence[Event], again: Sequence[Entry]) -> Iterator[Difference]:
    """Where the events of a decision and those that were computed anew are not the same."""
    first = recorded[0].index
    for place, event in enumerate(recorded):
        if place >= len(again):
            yield Difference(event.index, _name(event.kind, event.data), _words(event.kind, event.data), "nothing")
            return
        other = again[place]
        if event.kind != other.kind or _plain(event.data) != _plain(other.data):
            mine, theirs = _words(event.kind, event.data), _words(other.kind, other.data)
            yield Difference(event.index, _name(event.kind, event.data), mine, theirs)
            return
    if len(again) > len(recorded):
        other = again[len(recorded)]
        words = _words(other.kind, other.data)
        yield Difference(first + len(recorded), _name(other.kind, other.data), "nothing", words)


def _plain(data: Any) -> str:
    """The data of a decision; what became of old checkpoints is none."""
    return canonical_json({key: value for key, value in data.items() if key not in {"drops", "of"}})


def _name(kind: str, data: Any) -> str:
    return "what the strategy says" if kind == "strategy.chosen" else f"trial {data['trial']}"


def _words(kind: str, data: Any) -> str:
    if kind == "strategy.chosen":
        return f"'{data['text']}'"
    until = "" if data["until_step"] is None else f" to step {data['until_step']:,}"
    if kind == "trial.resumed":
        return f"trial {data['trial']} resumed{until} ({data['reason']})"
    return f"{canonical_json(data['config'])}{until} ({data['reason']})"
