"""The trial in the hands of an objective: its configuration, and a way to report, pause, save and draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import RequestError
from holdfast.records import OBJECTIVE, Assignment, Config, Report, Reporter, RowScores, Value, Verdict
from holdfast.rng import Streams
from holdfast.space import Categorical, Domain, Float, Int, domain_from_json

MAX_FLOAT_STEPS = 10_000


class LiveTrial:
    """A running trial.

    Attributes:
        number: which trial of the study this is.
        seed: the trial's own random seed.
        start_step: where to go on: 0, or the step at which ``checkpoint`` was saved.
        until_step: how far to train; None means to the end.
        checkpoint: what `save` was given before the trial was paused or lost; None at the start.
        verdict: what the strategy said to the last report.
        rows: set it to a `RowScores` and the study can correct its estimate for selection.
    """

    def __init__(self, assignment: Assignment, report: Reporter, metric: str = OBJECTIVE) -> None:
        self.number = assignment.trial
        self.seed = assignment.seed
        self.start_step = assignment.start_step
        self.until_step = assignment.until_step
        self.checkpoint = assignment.checkpoint
        self.verdict = Verdict.CONTINUE
        self.rows: RowScores | None = None
        self.user_attrs: dict[str, Any] = {}
        self._config = dict(assignment.config)
        self._assignment = assignment
        self._report = report
        self._metric = metric
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
        """Tell the study how the trial does at ``step`` (of the fidelity), and learn whether to go on."""
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise RequestError(f"trial {self.number} reported at step {step!r}; a step is a whole number from 0 up")
        metrics = value if isinstance(value, Mapping) else {self._metric: float(value)}
        self.verdict = self._report(Report(self.number, step, metrics, drawn=self._take_unsent()))
        self._last_step = step
        if self.verdict is Verdict.CONTINUE and not all(math.isfinite(v) for v in metrics.values()):
            self.verdict = Verdict.STOP
        return self.verdict

    def should_prune(self) -> bool:
        """Whether the last verdict was to pause or stop: save, then return or raise `TrialPruned`."""
        return self.verdict is not Verdict.CONTINUE

    def save(self, data: bytes) -> None:
        """Keep a checkpoint of the last reported step, from which the trial can go on in any process."""
        self._report(Report(self.number, self._last_step, checkpoint=bytes(data), drawn=self._take_unsent()))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A value in [low, high], for a study whose space is found as it is used."""
        if step is None:
            return float(self._suggest(name, Float(low, high, log=log)))  # type: ignore[arg-type]
        count = int((high - low) / step + 1e-9) + 1
        if log or step <= 0 or count > MAX_FLOAT_STEPS:
            raise RequestError(
                f"'{name}' has step = {step!r}; it must be positive, give at most 10,000 values, not log"
            )
        choices = [low + i * step for i in range(count)]
        return float(self._suggest(name, Categorical(choices, ordered=True)))  # type: ignore[arg-type]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in [low, high]."""
        if low == high:
            return int(self._suggest(name, Categorical([low])))  # type: ignore[arg-type]
        return int(self._suggest(name, Int(low, high, log=log, step=step)))  # type: ignore[arg-type]

    def suggest_categorical(self, name: str, choices: Sequence[Value]) -> Any:
        """One of the choices."""
        return self._suggest(name, Categorical(list(choices)))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a JSON value beside the trial."""
        self.user_attrs[key] = value

    def flush(self) -> None:
        """Hand over drawn values that no report has carried yet; the study calls it when the objective ends."""
        if self._unsent:
            self._report(Report(self.number, self._last_step, drawn=self._take_unsent()))

    def _suggest(self, name: str, domain: Domain) -> Value:
        if name in self._config:
            return domain.check(self._config[name], name)
        proposal = self._assignment.proposal
        known = self._assignment.known.get(name)
        if name in proposal and known is not None and domain_from_json(name, known) == domain:
            value = proposal[name]
        else:
            unit = float(Streams(self.seed).generator(self.number, f"draw/{name}").random())
            value = domain.from_unit(unit)
        self._config[name] = value
        self._unsent[name] = (domain.to_json(), value)
        return value

    def _take_unsent(self) -> dict[str, tuple[dict[str, Any], Value]]:
        unsent, self._unsent = self._unsent, {}
        return unsent
