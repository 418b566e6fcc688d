"""Ablation: which changes from one configuration to another made it better, one at a time and the best one first.

Fawcett and Hoos, "Analysing differences between algorithm configurations through ablation", J. Heuristics 22 (2016),
section 3, with a model in place of new trials as in Biedenkapp et al., "Efficient parameter importance analysis via
ablation with surrogates" (AAAI 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from holdfast.analyse.observed import Observed
from holdfast.errors import RequestError
from holdfast.records import Config, Value
from holdfast.space import Categorical, Domain, Float, Space

NORMAL = 1.959963984540054
MOST_OF_IT = 0.9
"""The part of a gain that a sentence looks for the fewest changes of."""

Joint = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Expected losses (p,) and their covariance (p, p) at units (p, d), NaN where inactive."""


@dataclass(frozen=True)
class Step:
    """One change on the way: a hyperparameter, with those that it switches on.

    Attributes:
        changed: their names, the one that was chosen first.
        before, after: their values; one that is not active has none.
        gain: by how much the metric is expected to get better by it; negative for worse.
        low, high: the interval of the gain, at a level of 95%.
        metric: what is expected after it.
    """

    changed: tuple[str, ...]
    before: dict[str, Value]
    after: dict[str, Value]
    gain: float
    low: float
    high: float
    metric: float


@dataclass(frozen=True)
class Ablation:
    """The way from one configuration to another.

    Attributes:
        source, target: the configurations.
        metric: what is expected of the source.
        steps: the changes, in the order in which they were made.
        gain, low, high: of all of them together.
        ends: what both are called in a sentence.
        largest: a few steps that make nine tenths of the gain without the others, the largest first; none without a
            gain.
        alone: the gain of these steps without the others.
        note: how many trials count with another score than their own; empty if none does.
    """

    source: Config
    target: Config
    metric: float
    steps: tuple[Step, ...]
    gain: float
    low: float
    high: float
    ends: tuple[str, str]
    largest: tuple[Step, ...]
    alone: float
    note: str = ""

    @property
    def sure(self) -> bool:
        """Whether the target is better by more than the model is unsure of."""
        return self.low > 0

    @property
    def only_together(self) -> bool:
        """Whether one of the largest steps gains little itself, and the others little without it."""
        gains = [step.gain for step in self.largest]
        return len(gains) > 1 and sum(gains) - min(gains) >= MOST_OF_IT * self.gain

    def sentence(self, label: Callable[[str], str] = str) -> str:
        """Which changes gave most of the gain, with names as ``label`` shows them."""
        return f"{self._changes(label)} {self.note}".rstrip()

    def _changes(self, label: Callable[[str], str]) -> str:
        source, target = self.ends
        if self.gain <= 0:
            return f"{source[:1].upper()}{source[1:]} is expected to be as good as {target}: nothing is gained."
        largest = self.largest
        part = self.alone / self.gain
        names = [label(step.changed[0]) for step in largest]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        whole = f"the expected gain of {self.gain:.3g} over {source}"
        back = "; others took some of it back" if part >= 1.005 else ""
        doubt = "" if self.sure else "; the model is not sure that there is any gain"
        if len(largest) == len(self.steps):
            number = {1: "the one change", 2: "both changes"}.get(len(names), f"all {len(names)} changes")
            changes = f"{number}, {listed},"
            return f"It takes {changes} for nine tenths of {whole}{doubt}."
        count = "One change" if len(names) == 1 else f"{len(names)} changes"
        gave = "all" if 0.995 < part < 1.005 else f"{part:.0%}"
        together = ", and only together" if self.only_together else ""
        return f"{count} of {len(self.steps)}, {listed}, gave {gave} of {whole}{together}{back}{doubt}."


def ablation(
    space: Space,
    source: Config,
    target: Config,
    joint: Joint,
    sign: float = 1.0,
    ends: tuple[str, str] = ("the default", "the winner"),
    note: str = "",
) -> Ablation:
    """Change the source into the target, at each step by what lowers the expected loss most.

    A hyperparameter takes along those that it switches on, at the target's values, and drops those that it switches
    off. A change to a forbidden combination is left for later.

    Args:
        space: of both configurations.
        source, target: from where to where.
        joint: the model.
        sign: what turns a loss into the metric, 1 or -1.
        ends: what both are called in a sentence.
        note: what the sentence is to say of the trials.

    Raises:
        RequestError: if both are the same.
    """
    if space.key(source) == space.key(target):
        raise RequestError(f"{ends[1]} is {ends[0]} configuration itself, so there is no change to look at")
    path, changes = [source], list[str]()
    while space.key(path[-1]) != space.key(target):
        options = _options(space, path[-1], target)
        losses, _ = joint(np.array([space.encode(config) for _, config in options]))
        name, config = options[int(np.argmin(losses))]
        changes.append(name)
        path.append(config)
    losses, covariance = joint(np.array([space.encode(config) for config in path]))
    steps = [
        _step(name, path[k], path[k + 1], _gain(losses, covariance, k, k + 1), sign * float(losses[k + 1]))
        for k, name in enumerate(changes)
    ]
    whole = _gain(losses, covariance, 0, -1)
    largest, alone = _largest(space, path, steps, losses, joint)
    return Ablation(source, target, sign * float(losses[0]), tuple(steps), *whole, ends, largest, alone, note)


def beginning(trials: Observed, target: Config) -> tuple[Config, str]:
    """The default, and what a sentence calls it; the nearest allowed trial's configuration where it is forbidden.

    The target's own is no beginning.
    """
    space = trials.space
    default = space.default_config()
    if space.allows(default):
        return default, "the default"
    known = np.isnan(space.snap(np.nan_to_num(trials.units, nan=0.5))) == np.isnan(trials.units)
    nearest = np.argsort(_distances(space, trials.units, space.encode(default)), kind="stable")
    for row in nearest[known.all(axis=1)[nearest]]:  # a value that an amended space does not have is not known
        config = space.decode(trials.units[row])
        if space.key(config) != space.key(target) and space.allows(config):
            return config, f"trial {trials.trials[row]} (the allowed one nearest to the default, which is forbidden)"
    return default, "the default"


def _distances(space: Space, units: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """(m,) squared distances of points (m, d) to one (d,), where choices and what is active are alike or not."""
    apart = np.abs(units - unit)
    choices = [isinstance(domain, Categorical) and not domain.ordered for domain in space.domains.values()]
    apart[:, choices] = apart[:, choices] > 0
    apart[np.isnan(units) | np.isnan(unit)] = 1.0
    apart[np.isnan(units) & np.isnan(unit)] = 0.0
    found: np.ndarray = (apart**2).sum(axis=1)
    return found


def _largest(
    space: Space, path: list[Config], steps: list[Step], losses: np.ndarray, joint: Joint
) -> tuple[tuple[Step, ...], float]:
    """The first steps that make most of the gain, less those without which the others still do; and their gain."""
    wanted = MOST_OF_IT * float(losses[0] - losses[-1])
    if wanted <= 0:
        return (), 0.0
    enough = 1 + int(np.flatnonzero(losses[0] - losses[1:] >= wanted)[0])
    kept, alone = steps[:enough], float(losses[0] - losses[enough])
    for step in sorted(kept, key=lambda step: step.gain):
        fewer = [other for other in kept if other is not step]
        gain = _gain_alone(space, path, fewer, losses, joint)
        if gain is not None and gain >= wanted:
            kept, alone = fewer, gain
    return tuple(sorted(kept, key=lambda step: -step.gain)), alone


def _gain_alone(space: Space, path: list[Config], steps: list[Step], losses: np.ndarray, joint: Joint) -> float | None:
    """By how much these changes of the source lower the loss without the others; None if they cannot be made so."""
    changed = {name: value for step in steps for name, value in step.after.items()}
    config = _with(space, {**space.default_config(), **path[-1], **path[0], **changed})
    if not space.allows(config):
        return None
    return float(losses[0] - joint(np.array([space.encode(config)]))[0][0])


def _options(space: Space, now: Config, target: Config) -> list[tuple[str, Config]]:
    """Each hyperparameter that still differs, and the configuration after it takes the target's value.

    Where each of these is forbidden, or changes nothing since another one limits it, all that is left is one change.
    """
    options = []
    for name in space.names:
        if name in now and name in target and not _same(now[name], target[name]):
            config = _with(space, {**space.default_config(), **target, **now, name: target[name]})
            if space.key(config) != space.key(now) and (space.key(config) == space.key(target) or space.allows(config)):
                options.append((name, config))
    if options:
        return options
    return [(next(name for name in space.names if not _same(now.get(name), target.get(name))), dict(target))]


def _with(space: Space, values: Config) -> Config:
    """The configuration with these values: what is not active is dropped, and what is out of its bounds drawn in."""
    config: Config = {}
    for name in space.active(values):
        domain = space.domain_in(name, config)
        value = values[name] if name in values else _default(domain)
        if isinstance(domain, Float) and isinstance(value, int | float):
            value = min(max(value, domain.low), domain.high)
        config[name] = value
    return space.validate(config)


def _default(domain: Domain) -> Value:
    return domain.from_unit(0.5) if domain.default is None else domain.default


def _same(one: Value, other: Value) -> bool:
    return one == other and type(one) is type(other)


def _step(name: str, before: Config, after: Config, gain: tuple[float, float, float], metric: float) -> Step:
    touched = [each for each in {**before, **after} if before.get(each) != after.get(each) or name == each]
    changed = (name, *sorted(each for each in touched if each != name))
    return Step(
        changed,
        {each: before[each] for each in changed if each in before},
        {each: after[each] for each in changed if each in after},
        *gain,
        metric,
    )


def _gain(losses: np.ndarray, covariance: np.ndarray, k: int, after: int) -> tuple[float, float, float]:
    """By how much the loss falls from one point to another, with its interval."""
    gain = float(losses[k] - losses[after])
    variance = float(covariance[k, k] + covariance[after, after] - 2 * covariance[k, after])
    error = NORMAL * max(variance, 0.0) ** 0.5
    return gain, gain - error, gain + error
