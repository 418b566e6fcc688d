"""The trial in the hands of an objective: its configuration, and a way to report, pause, save and draw."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import RequestError, nearest
from holdfast.records import (
    OBJECTIVE,
    Assignment,
    Config,
    Report,
    Reporter,
    RowScores,
    Value,
    Verdict,
    canonical_json,
)
from holdfast.rng import Streams
from holdfast.space import Categorical, Domain, Float, Int, domain_from_json
from holdfast.space.steps import leaves_one_value
from holdfast.study.results import number_of
from holdfast.study.said import Said, next_step, saved

_told = logging.getLogger("holdfast")


class LiveTrial:
    """A running trial.

    Attributes:
        number: which trial of the study this is.
        seed: the trial's own random seed.
        start_step: where to go on: 0, or the step at which ``checkpoint`` was saved.
        until_step: how far to train; None means to the end.
        max_step: the fidelity's last step; None where the study declares none.
        checkpoint: what `save` was given before the trial was paused or lost; None at the start.
        parent: the trial that this one is a clone of: it begins at ``start_step`` from that trial's ``checkpoint``, and
            goes on with a configuration of its own; None for any other.
        verdict: what the study said to the last report.
        reported: the metrics of the last report.
        said: which steps have been reported since it began or went on.
        rows: set it to a `RowScores` and the study can correct its estimate for selection.
        user_attrs: JSON values kept beside the trial.
        share: its part of the time of a batch, in any unit, for a study that is given a ``train_many``.
        started: when this leg of the trial began, on the clock of `time.perf_counter`.
    """

    def __init__(self, assignment: Assignment, report: Reporter, metrics: Sequence[str] = (OBJECTIVE,)) -> None:
        self.number = assignment.trial
        self.seed = assignment.seed
        self.start_step = assignment.start_step
        self.until_step = assignment.until_step
        self.max_step = assignment.max_step
        self.checkpoint = assignment.checkpoint
        self.parent = assignment.parent
        self.verdict = Verdict.CONTINUE
        self.reported: Mapping[str, float] = {}
        self.said = Said()
        self.rows: RowScores | None = None
        self.user_attrs: dict[str, Any] = {}
        self.share = 1.0
        self.started = time.perf_counter()
        self._config = dict(assignment.config)
        self._assignment = assignment
        self._report = report
        self._metrics = tuple(metrics)
        self._last_step = assignment.start_step
        self._unsent: dict[str, tuple[dict[str, Any], Value]] = {}

    def __getitem__(self, name: str) -> Any:
        try:
            return self._config[name]
        except KeyError:
            have = ", ".join(self._config) or "nothing yet"
            raise RequestError(f"trial {self.number} has no value for '{name}'; it has {have}") from None

    @property
    def config(self) -> Config:
        """The hyperparameter values; in a space found as it is used, those drawn so far."""
        return dict(self._config)

    params = config

    def report(self, value: float | Mapping[str, float], step: int) -> Verdict:
        """Tell the study how the trial does at ``step`` (of the fidelity), and learn whether to go on.

        A value that is NaN or infinite is answered with STOP.

        Raises:
            RequestError: for a step that is no whole number from 0 up, that is not above the last one reported or the
                checkpoint that the trial goes on from, or that is beyond the study's fidelity; for values that are no
                numbers.
        """
        last = self._last_step if self.reported or self.start_step > 0 else None
        at = next_step(self.number, step, last, self.max_step)
        named = value if isinstance(value, Mapping) else {self._metrics[0]: value}
        if not named:
            raise RequestError(f"trial {self.number} reported nothing at step {at}; report a number or named metrics")
        self.reported = {str(name): number_of(str(name), each, "report") for name, each in named.items()}
        self._last_step = at
        self.said = self.said.then(at, self.reported, self._metrics)
        self.verdict = self._report(Report(self.number, self._last_step, self.reported, drawn=self._take_unsent()))
        return self.verdict

    def should_prune(self) -> bool:
        """Whether the last verdict was to pause or stop: save, then return or raise `TrialPruned`."""
        return self.verdict is not Verdict.CONTINUE

    def give_up(self) -> None:
        """End as the last verdict says, or as stopped where it was to continue."""
        if self.verdict is Verdict.CONTINUE:
            self.verdict = Verdict.STOP

    def save(self, data: bytes | bytearray | memoryview, step: int | None = None) -> None:
        """Keep a checkpoint of ``step`` (the last one reported), from which the trial can go on in any process.

        Raises:
            RequestError: for anything but bytes, and for a step that is none, or is beyond the study's fidelity.
        """
        checkpoint, at = saved(self.number, data, self._last_step if step is None else step, self.max_step)
        self._report(Report(self.number, at, checkpoint=checkpoint, drawn=self._take_unsent()))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A value in [low, high], for a study whose space is found as it is used; low may equal high."""
        return float(self._suggest(name, _float_domain(name, low, high, step, log=log)))  # type: ignore[arg-type]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in [low, high]; low may equal high."""
        single = low == high or (not log and 0 <= high - low < step)
        domain = Categorical([low]) if single else Int(low, high, log=log, step=step)
        return int(self._suggest(name, domain))  # type: ignore[arg-type]

    def suggest_categorical(self, name: str, choices: Sequence[Value]) -> Any:
        """One of the choices."""
        return self._suggest(name, Categorical(list(choices)))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a JSON value beside the trial.

        Raises:
            RequestError: for anything that JSON has no form for.
        """
        try:
            canonical_json({str(key): value})
        except (TypeError, ValueError) as exc:
            raise RequestError(f"user attribute '{key}' of trial {self.number} is no JSON value: {exc}") from None
        self.user_attrs[str(key)] = value

    def flush(self) -> None:
        """Hand over drawn values that no report has carried yet; the study calls it when the objective ends."""
        if self._unsent:
            self._report(Report(self.number, self._last_step, drawn=self._take_unsent()))

    def _suggest(self, name: str, domain: Domain) -> Value:
        if name in self._config:
            return domain.check(self._config[name], name)
        if not self._assignment.may_draw:
            have = ", ".join(self._config) or "nothing"
            raise RequestError(
                f"trial {self.number} has no value for '{name}'{nearest(name, self._config)}; the study's space was "
                f"declared, and of it this trial has {have}"
            )
        value = drawn_value(self._assignment, name, domain)
        self._config[name] = value
        self._unsent[name] = (domain.to_json(), value)
        return value

    def _take_unsent(self) -> dict[str, tuple[dict[str, Any], Value]]:
        unsent, self._unsent = self._unsent, {}
        return unsent


def say_unasked(trial: LiveTrial) -> None:
    """Tell of enqueued values that the objective, which has ended, has not asked for: misspelt ones perhaps."""
    wished = {} if trial._assignment.known else trial._assignment.proposal
    for name in wished:
        if trial._config and name not in trial._config:
            _told.warning(
                "trial %d was enqueued with a value for '%s', which its objective has not asked for%s",
                trial.number,
                name,
                nearest(name, trial._config),
            )


def drawn_value(assignment: Assignment, name: str, domain: Domain) -> Value:
    """The value that a trial draws: a person's wish, the strategy's proposal for this very domain, or a uniform draw.

    Raises:
        SpaceError: for a wish outside of the domain.
    """
    if name in assignment.proposal:
        known = assignment.known.get(name)
        if known is None:
            return domain.check(assignment.proposal[name], name)
        if domain_from_json(name, known) == domain:
            return assignment.proposal[name]
    unit = float(Streams(assignment.seed).generator(assignment.trial, f"draw/{name}").random())
    return domain.from_unit(unit)


def _float_domain(name: str, low: float, high: float, step: float | None, *, log: bool) -> Domain:
    if low == high:
        return Categorical([float(low)])
    if step is None:
        return Float(low, high, log=log)
    if not log and leaves_one_value(low, high, step):
        return Categorical([float(low)])
    return domain_from_json(name, {"type": "float", "low": low, "high": high, "log": log, "step": step})
