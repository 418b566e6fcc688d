"""Where a study keeps its checkpoints, and which of them make room for others where there is a quota."""

from __future__ import annotations

import functools
import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.errors import LogError, MissingBlobError
from holdfast.log.store import Store, checked_url
from holdfast.meter.budget import disk_bytes
from holdfast.records import Trial, TrialState
from holdfast.study.lock import safe_name

if TYPE_CHECKING:
    from holdfast.log.base import StudyLog
    from holdfast.study.book import Book
    from holdfast.study.state import StudyState

SET = "checkpoints.set"
UNSAVED = "trial.unsaved"

_told = logging.getLogger("holdfast")


@dataclass(frozen=True)
class Checkpoints:
    """Where checkpoints are kept, and how many bytes they may take.

    Args:
        url: a folder, or an address that fsspec understands, such as ``"s3://bucket/path"``.
        quota: gigabytes, or a text such as ``"500 MB"``; None for no limit. Where it is reached, those of complete
            trials are deleted, the worst first; never those that running or paused trials need, nor that of the best.
    """

    url: str | Path
    quota: float | str | None = None


Place = str | Path | Checkpoints
"""Where checkpoints are kept, as a person says it."""


class Blobs(Protocol):
    """Where checkpoints lie."""

    def put(self, data: bytes) -> str:
        """Keep one, and return its sha256."""
        ...

    def get(self, sha256: str) -> bytes:
        """The one with that hash."""
        ...

    def drop(self, names: Sequence[str]) -> None:
        """Delete some."""
        ...


@dataclass(frozen=True)
class Elsewhere:
    """Checkpoints in a place of their own; those of before lie in the log."""

    store: Store
    log: StudyLog

    def put(self, data: bytes) -> str:
        """Keep one in its place."""
        return self.store.put(data)

    def get(self, sha256: str) -> bytes:
        """The one with that hash, wherever it lies."""
        try:
            return self.store.get(sha256)
        except MissingBlobError as missing:
            try:
                return self.log.get(sha256)
            except MissingBlobError:
                raise missing from None

    def drop(self, names: Sequence[str]) -> None:
        """Delete some; one that cannot be deleted is said, and costs its bytes only."""
        self.log.drop(names)
        try:
            self.store.drop(names)
        except LogError as exc:
            _told.warning("%s", exc)


def set_checkpoints(book: Book, wanted: Place | None) -> None:
    """Put on record where checkpoints are kept from here on; None leaves it as it is.

    Raises:
        RequestError: for a place or a quota that cannot be meant.
    """
    if wanted is None:
        return
    place = wanted if isinstance(wanted, Checkpoints) else Checkpoints(wanted)
    said = {"url": checked_url(str(place.url)), "quota": quota_bytes(place.quota)}
    before = setting_of(book.state)
    if before is None or {key: before[key] for key in said} != said:
        first = next(iter(book.log.read())).hash  # others may have studies of that name
        book.note(SET, {**said, "folder": f"{safe_name(book.state.settings.name)}-{first[:8]}"})


def quota_bytes(quota: float | str | None) -> float | None:
    """A quota in bytes.

    Raises:
        RequestError: if it is none, or not above zero.
    """
    return None if quota is None else disk_bytes(quota, "checkpoint_quota")


def setting_of(state: StudyState) -> dict[str, Any] | None:
    """Where checkpoints are kept (``url``, ``folder``) and their ``quota`` in bytes; None for in the log."""
    notes = state.notes.get(SET)
    return dict(notes[-1]) if notes else None


def place_of(log: StudyLog, state: StudyState) -> Blobs:
    """Where the checkpoints of a study lie."""
    setting = setting_of(state)
    return log if setting is None else Elsewhere(_store(setting["url"], setting["folder"]), log)


@functools.lru_cache(maxsize=16)
def _store(url: str, folder: str) -> Store:
    return Store(url, folder)


def clear(book: Book) -> None:
    """Delete what is left in a place of their own, such as what was written and never got on record."""
    place = book.checkpoints
    if isinstance(place, Elsewhere):
        try:
            place.drop(list(place.store.sizes()))
        except LogError as exc:
            _told.warning("%s", exc)


def reference(state: StudyState, sha256: str, size: int | None = None) -> dict[str, Any]:
    """What an event says of a checkpoint: a blob of the log, or the name of one that lies elsewhere."""
    if setting_of(state) is None:
        return {"blob": sha256}
    return {"sha256": sha256} if size is None else {"sha256": sha256, "bytes": size}


def name_of(checkpoint: Mapping[str, Any]) -> str:
    """The sha256 of a checkpoint that an event speaks of."""
    return str(checkpoint["blob"] if "blob" in checkpoint else checkpoint["sha256"])


def keep(book: Book, trial: int, step: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """Keep a checkpoint of a running trial: the kind and the data of the event that says so, or why it was not."""
    about = {"trial": trial, "step": step}
    if setting_of(book.state) is None:
        return "trial.saved", {**about, "checkpoint": {"blob": book.log.put(data)}}
    try:
        full = _make_room(book, trial, len(data))
        if full is None:
            name = book.checkpoints.put(data)
            return "trial.saved", {**about, "checkpoint": reference(book.state, name, len(data))}
    except LogError as exc:
        full = str(exc)
    text = f"the checkpoint of trial {trial} at step {step} was not kept: {full}"
    if UNSAVED not in book.state.notes:  # the log has them all
        _told.warning("%s", text)
    return UNSAVED, {**about, "bytes": len(data), "text": text}


def _make_room(book: Book, trial: int, size: int) -> str | None:
    """Keep to the quota with so many bytes more; a sentence if that cannot be.

    Raises:
        LogError: if the place cannot be read.
    """
    setting, place = setting_of(book.state), book.checkpoints
    if setting is None or setting["quota"] is None or not isinstance(place, Elsewhere):
        return None
    sizes, quota = place.store.sizes(), setting["quota"]
    own = book.state.trials[trial].checkpoint
    replaced = 0 if own is None or book.state.settings.workers is not None else sizes.get(own[1], 0)
    over = sum(sizes.values()) - replaced + size - quota
    gone: dict[str, list[int]] = {}
    for name, trials in _spare(book.state) if over > 0 else []:
        over -= sizes.get(name, 0)
        gone[name] = trials
        if over <= 0:
            break
    if over > 0:
        used = sum(sizes.values()) - sum(sizes.get(name, 0) for name in gone)
        return f"{size:,} bytes, where {used:,} of the {quota:,.0f} of the quota are taken by others that are needed"
    if gone:
        names = sorted(gone)
        book.note("checkpoints.dropped", {"drops": names, "trials": list(itertools.chain(*gone.values()))})
        place.drop(names)
    return None


def _spare(state: StudyState) -> list[tuple[str, list[int]]]:
    """The checkpoints that may go, with the trials that have each, the first to go first.

    They are those that only complete trials have, the worst first, but for that of the best.
    """
    if state.settings.workers is not None:
        return []  # a decision that knows of an earlier one may still ask for it
    sign = state.loss_sign

    def loss(trial: Trial) -> float:
        value = sign * trial.metrics.get(state.first_metric, math.nan)
        return value if math.isfinite(value) else math.inf

    owners: dict[str, list[Trial]] = {}
    for trial in (state.trials[number] for number in sorted(state.trials.saved)):
        if trial.checkpoint is not None:
            owners.setdefault(trial.checkpoint[1], []).append(trial)
    best = min((loss(trial) for trial in state.trials if trial.state is TrialState.COMPLETE), default=math.inf)
    lowest = {
        name: min(map(loss, trials))
        for name, trials in owners.items()
        if all(trial.state is TrialState.COMPLETE for trial in trials)
    }
    spare = sorted((name for name in lowest if lowest[name] > best), key=lowest.__getitem__, reverse=True)
    return [(name, [trial.number for trial in owners[name]]) for name in spare]
