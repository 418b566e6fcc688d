"""The trials in hand: signs of life for one's own, and a watch over those of others, by one's own clock alone."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
import warnings
import weakref
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.log.leases import NOBODY, Lease, Leases
from holdfast.records import Trial, TrialState

BEAT = 1.0
"""Seconds between two signs of life."""

SOON = 0.2
"""Seconds after which a trial that was taken in hand is known to others."""

GRACE = 6.0
"""Seconds without a sign of life after which a trial is lost, as others see it."""

GRACE_OF_THE_LIVING = 60.0
"""The same where the owner's process is on this machine and has not ended: it is busy, or stands still."""

_told = logging.getLogger("holdfast")


class Holder:
    """The trials that one study object has in hand, with a thread that gives signs of life while there are any.

    Args:
        leases: where others look.
        shared: whether there may be others.
    """

    def __init__(self, leases: Leases, *, shared: bool) -> None:
        self.tokens: dict[int, int] = {}
        self._hand = _Hand(leases, _this_process(), self.tokens) if shared else None
        if self._hand is not None:
            weakref.finalize(self, self._hand.close)

    def hold(self, tokens: Mapping[int, int]) -> None:
        """These trials are in hand, by their tokens."""
        self.tokens.update(tokens)
        if self._hand is not None:
            self._hand.wake()

    def let_go(self, trial: int) -> bool:
        """It is in hand no more; whether it was."""
        return self.tokens.pop(trial, None) is not None

    def close(self) -> None:
        """Give up what is in hand, for others to take."""
        if self._hand is not None:
            self._hand.close()


class _Hand:
    """What the thread of a `Holder` works on; it holds no reference to the holder, which may so be forgotten."""

    def __init__(self, leases: Leases, owner: str, tokens: dict[int, int]) -> None:
        self._leases = leases
        self._owner = owner
        self._tokens = tokens
        self._known = False
        self._taken = threading.Event()
        self._closed = threading.Event()
        self._process = os.getpid()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name="holdfast-leases", daemon=True)
            self._thread.start()
        self._taken.set()

    def close(self) -> None:
        if self._closed.is_set() or os.getpid() != self._process:
            return
        self._closed.set()
        self._taken.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(BEAT)
        self._tell(last=True)

    def _live(self) -> None:
        while not self._closed.is_set():
            self._taken.wait(BEAT)
            if self._taken.is_set():
                self._closed.wait(SOON)
                self._taken.clear()
            if not self._closed.is_set():
                self._tell(last=False)

    def _tell(self, *, last: bool) -> None:
        """Tell others what is in hand; a log that cannot be written to is no reason to end what runs."""
        tokens = dict(self._tokens)
        if not tokens and not self._known:
            return
        try:
            self._leases.beat(self._owner, tokens)
            self._known = bool(tokens)
            if last and tokens:
                self._leases.give_up(self._owner)
        except HoldfastError as exc:
            if not last:
                _told.warning("no sign of life could be given: %s", exc)


class Watch:
    """Watches the running trials of others, and finds those that nobody runs any more.

    A trial is lost when its lease was given up, when its owner's process on this machine has ended, or when there has
    been no sign of life for `GRACE` seconds, by this process's own clock: no two machines' clocks are compared.
    """

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._seen: dict[tuple[int, int], tuple[Lease | None, float]] = {}
        self._moved: set[tuple[int, int]] = set()
        self._looked = -BEAT
        self.undecided: set[int] = set()
        self.alive: set[int] = set()

    def lost(self, trials: Sequence[Trial], own: Collection[int], *, at_once: bool = False) -> list[Trial]:
        """The trials, all but one's ``own``, that are running in the log and nowhere else.

        It is looked at now and then, unless it is to be ``at_once``.
        """
        now = time.monotonic()
        if now - self._looked < BEAT / 2 and not at_once:
            return []
        self._looked = now
        others = [trial for trial in trials if trial.state is TrialState.RUNNING and trial.number not in own]
        self.undecided, self.alive = set(), set()
        if not others:
            self._seen.clear()
            return []
        leases = {(lease.trial, lease.token): lease for lease in self._leases.held()}
        self._seen = {key: seen for key, seen in self._seen.items() if key in {_key(trial) for trial in others}}
        return [trial for trial in others if self._is_lost(trial, leases.get(_key(trial)), now)]

    def _is_lost(self, trial: Trial, lease: Lease | None, now: float) -> bool:
        key = _key(trial)
        before, since = self._seen.get(key, (lease, now))
        if lease != before:
            self._moved.add(key)
            since = now
        self._seen[key] = (lease, since)
        lives = None if lease is None else is_alive(lease.owner)
        if (lease is not None and lease.owner == NOBODY) or lives is False:
            return True
        if now - since > (GRACE_OF_THE_LIVING if lives else GRACE):
            return True
        (self.alive if lives or key in self._moved else self.undecided).add(trial.number)
        return False


def lost_at_once(trials: Sequence[Trial], own: Collection[int], leases: Leases, *, alone: bool) -> list[Trial]:
    """The running trials, but for one's ``own``, that nobody runs as far as can be told at once.

    If others may be there, whom no lease shows yet, it is only those that were interrupted.
    """
    running = [t for t in trials if t.state is TrialState.RUNNING and t.number not in own]
    held = {(lease.trial, lease.token) for lease in leases.held() if _may_live(lease)} if alone and running else set()
    return [t for t in running if t.cause is not None or (alone and _key(t) not in held)]


def in_hand(trials: Sequence[Trial], leases: Leases) -> bool:
    """Whether somebody gives signs of life for one of the running trials; it takes `GRACE` seconds to say that not."""
    watch = Watch(leases)
    while True:
        watch.lost(trials, own=(), at_once=True)
        if watch.alive or not watch.undecided:
            return bool(watch.alive)
        time.sleep(BEAT / 2)


def warn_of_late(trial: int) -> None:
    """Say that a result came too late to count."""
    warnings.warn(
        f"trial {trial} had been given to somebody else meanwhile, because there was no sign of life from here; this "
        "result is kept as late and does not count",
        stacklevel=3,
    )


def _may_live(lease: Lease) -> bool:
    return lease.owner != NOBODY and is_alive(lease.owner) is not False


def is_alive(owner: str) -> bool | None:
    """Whether the process of an owner is there; None where that cannot be seen from this machine."""
    try:
        machine, pid, began, _ = json.loads(owner)
    except (ValueError, TypeError):
        return None
    if machine != _machine():
        return None
    return bool(_began(int(pid)) == began)


def _key(trial: Trial) -> tuple[int, int]:
    return trial.number, trial.restarts


def _this_process() -> str:
    """This process among all of all machines, and one object in it."""
    return json.dumps([_machine(), os.getpid(), _began(os.getpid()), uuid.uuid4().hex[:8]])


def _machine() -> str:
    """This machine since it was started, and the processes that can be seen on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode()}"


def _began(pid: int) -> str | None:
    """When a process began, in the system's own count, so that a number that is used again is told apart; or None."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self").exists():
            return None
        return _answers(pid)
    return None if fields[0] in {"Z", "X"} else fields[19]


def _answers(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "there"
    return "there"
