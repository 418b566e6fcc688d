"""What a strategy sees: an immutable, columnar view of the log at one index.

`HistoryBuilder` grows append-only arrays while events are folded; a `History` is a set of lengths into them, so taking
one costs O(1) and an old one never changes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from holdfast.records import Config, Direction, Fidelity, TrialState, Value, loss_sign
from holdfast.search.conditions import remembered_conditions
from holdfast.search.mapped import encoded_within, mapped
from holdfast.search.rows import Configs, Fitting, Rows
from holdfast.space import Domain, Space
from holdfast.space.space import KEY_BYTES, default_of

STATES: tuple[TrialState, ...] = tuple(TrialState)
RUNNING, PAUSED, COMPLETE, STOPPED, FAILED = range(len(STATES))
TO_THE_END = np.iinfo(np.int64).max
"""The ``until_step`` of a trial that is trained to the end."""

NO_ORIGIN = (-1, -1, -1)
"""The origin of a trial that is no clone."""

Duplicates = Literal["avoid", "replicate"]


@dataclass(frozen=True, eq=False)
class Earlier:
    """What an earlier study found, in the encoding and the sign of this one.

    Attributes:
        name: the earlier study's name.
        units: (k, d) its configurations that fit into this study's space, encoded.
        losses: (k,) their first objective, lower is better; all finite.
    """

    name: str
    units: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class History:
    """A study's trials at one index of its log; n trials, m of them told, r reports, k objectives, c constraints.

    After the space was amended, ``told_*`` and ``report_*`` hold only the trials that fit into the new one.

    Attributes:
        space: the search space; None while a space that is found as it is used has no hyperparameter yet. One that is
            found has the conditions that the trials show: see `conditions`.
        directions: one per objective. All losses below are turned so that lower is better.
        fidelity: how much training a trial may have, if the study declares one.
        index: the number of events in the log that this view is based on.
        trials_left: how many new trials the budget still allows; None for no limit.
        units: (n, d) encoded configurations in [0, 1], NaN where a hyperparameter is inactive.
        told_trial, told_loss, told_state: (m,), (m, k), (m,) in the order in which results came; a loss is NaN for a
            failed trial; states are indices into `STATES`.
        told_seconds: (m,) the wall seconds that each told trial took.
        told_violation: (m, c) how far each outcome constraint was missed, in the metric's unit; at most 0 where it was
            met, NaN where that is unknown.
        report_trial, report_step, report_loss, report_losses: (r,), (r,), (r,) of the first objective, (r, k) of all,
            in the order in which they came.
        move_trial, move_state, move_until: (t,) each, every change of state and the step it was assigned to run to.
        origins: (n, 3) of each trial its parent, the step it was cloned at and the trial it replaces; -1 for none.
        token: equal for all views of one growing history in one space: a key for caches of what depends on a prefix.
        constraints: the outcome constraints, as texts such as ``"ms <= 50"``.
        duplicates: whether a configuration is tried once (``"avoid"``) or as often as proposed (``"replicate"``).
        earlier: what earlier studies found.
        asked: (n, d) bool, which hyperparameters each trial has asked for in a space that is found as it is used; None
            for a declared one.
        scored: (n,) bool, which trials have come as far as to a score in such a space; None for a declared one.
        hidden: (h,) the numbers of the trials that do not fit into the space as it was amended, in order.
    """

    space: Space | None
    directions: tuple[Direction, ...]
    fidelity: Fidelity | None
    index: int
    trials_left: int | None
    units: np.ndarray
    told_trial: np.ndarray
    told_loss: np.ndarray
    told_state: np.ndarray
    told_seconds: np.ndarray
    told_violation: np.ndarray
    report_trial: np.ndarray
    report_step: np.ndarray
    report_loss: np.ndarray
    report_losses: np.ndarray
    move_trial: np.ndarray
    move_state: np.ndarray
    move_until: np.ndarray
    origins: np.ndarray
    token: object = field(repr=False)
    constraints: tuple[str, ...]
    duplicates: Duplicates
    earlier: tuple[Earlier, ...]
    asked: np.ndarray | None
    scored: np.ndarray | None
    hidden: np.ndarray
    _configs: Sequence[Config] = field(repr=False)
    _seen: Mapping[str, int] = field(repr=False)
    _seen_before: int = field(repr=False)
    _scans: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.units)

    def config(self, trial: int) -> Config:
        """The configuration of a trial; for a space found as it is used, what it has drawn so far."""
        return self._configs[trial]

    def contains(self, config: Mapping[str, Value]) -> bool:
        """Whether a trial has had, or was given to draw from, exactly this configuration."""
        return self.space is not None and self.contains_key(self.space.key(config))

    def contains_key(self, key: str) -> bool:
        """`contains` for a configuration whose `Space.key` is known already."""
        return self._seen.get(key, self._seen_before) < self._seen_before

    @cached_property
    def states(self) -> np.ndarray:
        """(n,) the state of each trial, as an index into `STATES`."""
        states = np.full(len(self), RUNNING, dtype=np.int8)
        states[self.move_trial] = self.move_state
        return states

    @cached_property
    def until(self) -> np.ndarray:
        """(n,) the step that each trial was last assigned to run to; `TO_THE_END` for no limit."""
        until = np.full(len(self), TO_THE_END, dtype=np.int64)
        assigned = self.move_state == RUNNING
        until[self.move_trial[assigned]] = self.move_until[assigned]
        return until

    @cached_property
    def losses(self) -> np.ndarray:
        """(n,) the first objective of complete trials, lower is better; NaN for all others."""
        losses = np.full(len(self), np.nan)
        complete = self.told_state == COMPLETE
        losses[self.told_trial[complete]] = self.told_loss[complete, 0]
        return losses

    @cached_property
    def pending(self) -> np.ndarray:
        """The numbers of the trials that are running."""
        return np.flatnonzero(self.states == RUNNING)

    def loss_at(self, step: int) -> np.ndarray:
        """(n,) each trial's loss at ``step``, or else at the first step behind it that it reported; NaN for none."""
        return self.losses_at(step)[:, 0]

    def losses_at(self, step: int) -> np.ndarray:
        """(n, k) `loss_at` for each objective."""
        return _scanned(self, step)[1]

    def reported_at(self, step: int) -> np.ndarray:
        """(n,) whether each trial has reported at ``step`` or behind it."""
        return _scanned(self, step)[0]

    def first_reports(self, step: int) -> np.ndarray:
        """Positions of the reports at each trial's first step from ``step`` on, in the order in which they came."""
        reached = np.flatnonzero(self.report_step >= step)
        trials, steps = self.report_trial[reached], self.report_step[reached]
        first = np.full(len(self), TO_THE_END, dtype=np.int64)
        np.minimum.at(first, trials, steps)
        return np.asarray(reached[steps == first[trials]])


def _scanned(history: History, step: int) -> tuple[np.ndarray, np.ndarray]:
    """`History.reported_at` and `losses_at` a step, from one scan of the reports, kept for whoever asks again."""
    if step not in history._scans:
        first = history.first_reports(step)
        trials = history.report_trial[first]
        reported = np.zeros(len(history), dtype=bool)
        losses = np.full((len(history), len(history.directions)), np.nan)
        reported[trials], losses[trials] = True, history.report_losses[first]
        for found in (reported, losses):
            found.setflags(write=False)
        history._scans[step] = reported, losses
    return history._scans[step]


class HistoryBuilder:
    """The growing side of a history; one per study and process."""

    def __init__(
        self,
        space: Space | None,
        directions: Sequence[Direction],
        fidelity: Fidelity | None = None,
        *,
        constraints: Sequence[str] = (),
        duplicates: Duplicates = "avoid",
    ) -> None:
        self.space = space
        self.directions = tuple(directions)
        self.fidelity = fidelity
        self.constraints = tuple(constraints)
        self.duplicates = duplicates
        self.trials_limit: int | None = None
        self._signs = [loss_sign(d) for d in self.directions]
        self._configs = Configs()
        self._declared = space is not None
        self._seen: dict[str, int] = {}
        self._units = Rows((0 if space is None else len(space),), float)
        self._asked, self._scored = Rows((0,), bool), Rows((), bool)
        self._told = Fitting(
            Rows((), np.int64),
            Rows((len(self.directions),), float),
            Rows((), np.int8),
            Rows((), float),
            Rows((len(self.constraints),), float),
        )
        self._reports = Fitting(Rows((), np.int64), Rows((), np.int64), Rows((len(self.directions),), float))
        self._moves = (Rows((), np.int64), Rows((), np.int8), Rows((), np.int64))
        self._origins = Rows((3,), np.int64)
        self._token = object()
        self._amended = False
        self._added: dict[str, Value] = {}
        self._gone: set[str] = set()
        self._masked: set[int] = set()
        self._hide()
        self._before: dict[str, tuple[list[Config], list[float]]] = {}
        self._earlier: tuple[Earlier, ...] = ()

    def __len__(self) -> int:
        return len(self._configs)

    @property
    def masked(self) -> Collection[int]:
        """The numbers of the trials that do not fit into the space as it was amended."""
        return self._masked

    def asked(self, config: Config, until_step: int | None, origin: tuple[int, int, int] = NO_ORIGIN) -> None:
        """A new trial, numbered by its position, starts to run; ``origin`` is what `History.origins` holds of it."""
        self._configs.append(config)
        self._origins.append(origin)
        if not self._declared:
            self._asked.append(np.zeros(self._asked.shape, dtype=bool))
            self._scored.append(False)
        if self.space is None:
            self._units.append(np.full(self._units.shape, np.nan))
        else:
            # a person's wish from before, or a trial whose configuration is lost
            if (self._amended or "" in config) and self._fitting(config, {}) is None:
                self._masked.add(len(self._configs) - 1)
                self._hide()
                self._units.append(encoded_within(self.space, config))
            else:
                self._units.append(self._encoded(config))
            self._see(config)
        self.moved(len(self._configs) - 1, RUNNING, until_step)

    def moved(self, trial: int, state: int, until_step: int | None = None) -> None:
        """A trial changes its state: resumed, paused or finished."""
        until = TO_THE_END if until_step is None else until_step
        for column, value in zip(self._moves, (trial, state, until), strict=True):
            column.append(value)

    def reported(self, trial: int, step: int, values: Sequence[float]) -> None:
        """A running trial reports its objectives at a step, NaN for those that it does not report."""
        if len(values) == 1:
            signed: float | list[float] = self._signs[0] * values[0]
        else:
            signed = [sign * value for sign, value in zip(self._signs, values, strict=True)]
        self._reports.append((trial, step, signed), fits=trial not in self._masked)
        self._has_scored(trial)

    def told(
        self,
        trial: int,
        state: TrialState,
        values: Sequence[float],
        seconds: float = 0.0,
        violation: Sequence[float] | None = None,
    ) -> None:
        """A trial has finished after so many seconds; ``values`` are its objectives, NaN where it has none.

        ``violation`` says how far each constraint was missed; unknown if None.
        """
        code = STATES.index(state)
        signed = [s * v if math.isfinite(v) else math.nan for s, v in zip(self._signs, values, strict=True)]
        missed = [math.nan] * len(self.constraints) if violation is None else violation
        self._told.append((trial, signed, code, seconds, missed), fits=trial not in self._masked)
        self.moved(trial, code)
        if code != FAILED:
            self._has_scored(trial)

    def amended(self, space: Space, added: Mapping[str, Value]) -> None:
        """The space is another one from here on; trials before it stand at ``added`` in what they did not have.

        Or else at the default that this had when it came. One that has a hyperparameter which the space lacks does not
        fit.
        """
        before = () if self.space is None else self.space.names
        self._gone = {n for n in (*self._gone, *before) if n not in space and n not in space.derived}
        self.space = space
        self._amended = True
        for name in space.names:
            if name not in before and name not in self._added and not getattr(space[name], "bounds", None):
                self._added[name] = default_of(space[name])
        self._added.update(added)
        self._token = object()
        self._encode_anew()

    def as_amended(self, config: Config) -> Config | None:
        """A trial's configuration as it stands in the space as it was amended; None if it does not fit into it."""
        return self._fitting(config, self._added) if self._amended else dict(config)

    def learned(self, name: str, configs: Sequence[Config], losses: Sequence[float]) -> None:
        """An earlier study found these losses, lower is better."""
        self._before[name] = (list(configs), list(losses))
        self._token = object()
        self._encode_earlier()

    def drew(self, trial: int, domains: Mapping[str, Domain], config: Config) -> None:
        """A trial of a space that is found as it is used has drawn values; ``config`` is all that it drew so far."""
        before = {} if self.space is None else self.space.domains
        self._configs = self._configs.with_item(trial, config)  # earlier views keep theirs
        if any(before.get(name) != domain for name, domain in domains.items()):
            self.space = Space({**before, **domains})
            self._token = object()
            self._encode_anew()
            self._asked = self._asked.widened(len(self.space))
        else:
            assert self.space is not None
            self._units.replace(trial, encoded_within(self.space, config))
            self._see(config)
        self._asked.replace(trial, np.array([name in config for name in self.space.names]))

    def snapshot(self, index: int) -> History:
        """The history as it is now; ``index`` is the length of the log it was folded from."""
        left = None if self.trials_limit is None else max(self.trials_limit - len(self._configs), 0)
        told_trial, told_loss, told_state, told_seconds, told_violation = self._told.views()
        report_trial, report_step, report_losses = self._reports.views()
        move_trial, move_state, move_until = (column.view() for column in self._moves)
        space, earlier = self._shown()
        return History(
            space=space,
            directions=self.directions,
            fidelity=self.fidelity,
            index=index,
            trials_left=left,
            units=self._units.view(),
            told_trial=told_trial,
            told_loss=told_loss,
            told_state=told_state,
            told_seconds=told_seconds,
            told_violation=told_violation,
            report_trial=report_trial,
            report_step=report_step,
            report_loss=report_losses[:, 0],
            report_losses=report_losses,
            move_trial=move_trial,
            move_state=move_state,
            move_until=move_until,
            origins=self._origins.view(),
            token=self._token if space is self.space else (self._token, space),
            constraints=self.constraints,
            duplicates=self.duplicates,
            earlier=earlier,
            asked=None if self._declared else self._asked.view(),
            scored=None if self._declared else self._scored.view(),
            hidden=self._hidden,
            _configs=self._configs.view(),
            _seen=self._seen,
            _seen_before=len(self._seen),
        )

    def to_columns(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """All that `restore` needs but the configurations: JSON values, and arrays of numbers."""
        data = {
            "space": None if self.space is None else self.space.to_json(),
            "trials_limit": self.trials_limit,
            "amended": self._amended,
            "added": self._added,
            "gone": sorted(self._gone),
            "masked": sorted(self._masked),
            "earlier": [[name, *found] for name, found in self._before.items()],
        }
        seen = np.frombuffer(bytes.fromhex("".join(self._seen)), dtype=np.uint8).reshape(-1, KEY_BYTES)
        return data, [seen, *(column.view() for column in self._columns())]

    def restore(self, data: Mapping[str, Any], arrays: Sequence[np.ndarray], configs: Sequence[Config | str]) -> None:
        """Take over what `to_columns` of another builder gave, and its configurations, which may be JSON texts."""
        stored = None if data["space"] is None else Space.from_json(data["space"])
        if stored != self.space:
            self.space = stored
        self._amended, self._added, self._masked = data["amended"], dict(data["added"]), set(data["masked"])
        self._gone = set(data["gone"])
        self._before = {name: (configs, losses) for name, configs, losses in data["earlier"]}
        self.trials_limit = data["trials_limit"]
        self._configs = Configs(configs)
        seen, *columns = arrays
        self._units, self._asked = Rows(columns[0].shape[1:], float), Rows(columns[1].shape[1:], bool)
        for column, array in zip(self._columns(), columns, strict=True):
            column.fill(array)
        self._hide()
        keys, width = seen.tobytes().hex(), 2 * KEY_BYTES
        self._seen = {keys[width * at : width * (at + 1)]: at for at in range(len(seen))}
        self._encode_earlier()

    @property
    def configs(self) -> Configs:
        """The configurations by number."""
        return self._configs

    def _see(self, config: Config) -> None:
        """Remember a configuration; a view knows those that were there before it by their number."""
        assert self.space is not None
        self._seen.setdefault(self.space.key(config), len(self._seen))

    def _has_scored(self, trial: int) -> None:
        if not (self._declared or self._scored.view()[trial]):
            self._scored.replace(trial, True)

    def _shown(self) -> tuple[Space | None, tuple[Earlier, ...]]:
        """The space with the conditions that the trials of one that is found show, and the earlier studies in it."""
        space = self.space
        if self._declared or space is None:
            return space, self._earlier
        asked, scored = self._asked.view(), self._scored.view()
        found = remembered_conditions(self._token, space, self._units.view(), asked, scored)
        return found, self._earlier if found is space else tuple(_where_active(found, each) for each in self._earlier)

    def _columns(self) -> tuple[Rows, ...]:
        rows = (self._units, self._asked, self._scored)
        return (*rows, *self._told.all, *self._reports.all, *self._moves, self._origins)

    def _encode_anew(self) -> None:
        """Encode every trial in the space as it is now, and mask those that do not fit into a declared one."""
        assert self.space is not None
        self._units = Rows((len(self.space),), float)
        self._seen, self._masked = {}, set()
        for number, config in enumerate(self._configs):
            fitting = self._fitting(config, self._added) if self._declared else config
            if fitting is None:
                self._masked.add(number)
            self._units.append(encoded_within(self.space, config) if fitting is None else self._encoded(fitting))
            self._see(config if fitting is None else fitting)
        self._hide()
        self._encode_earlier()

    def _fitting(self, config: Config, added: Mapping[str, Value]) -> Config | None:
        """A trial's configuration in the space as it is now; None if it does not fit."""
        assert self.space is not None
        return None if any(name in config for name in self._gone) else mapped(self.space, config, added)

    def _hide(self) -> None:
        """Leave the results of trials that do not fit into the space out of views."""
        for part in (self._told, self._reports):
            part.keep(self._masked)
        self._hidden = np.array(sorted(self._masked), dtype=np.int64)
        self._hidden.setflags(write=False)

    def _encoded(self, config: Config) -> np.ndarray:
        assert self.space is not None
        return self.space.encode(config) if self._declared else encoded_within(self.space, config)

    def _encode_earlier(self) -> None:
        """What earlier studies found, as far as it fits into the space."""
        if self.space is None:
            return
        found = []
        for name, (configs, losses) in self._before.items():
            fitting = [mapped(self.space, config, self._added) for config in configs]
            units = [self.space.encode(config) for config in fitting if config is not None]
            kept = [loss for config, loss in zip(fitting, losses, strict=True) if config is not None]
            found.append(Earlier(name, np.array(units).reshape(len(units), len(self.space)), np.array(kept)))
        self._earlier = tuple(found)


def _where_active(space: Space, study: Earlier) -> Earlier:
    """What an earlier study found without the values that would not be asked for."""
    return replace(study, units=np.where(np.isnan(space.snap(study.units)), np.nan, study.units))
