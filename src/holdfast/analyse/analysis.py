"""What a study's trials teach of its hyperparameters: all parts of it, each computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holdfast.analyse.ablation import Ablation, ablation, beginning
from holdfast.analyse.fanova import Share, Variances, fanova
from holdfast.analyse.interactions import Interaction, interactions
from holdfast.analyse.measure import Measure, measure
from holdfast.analyse.observed import Observed, varying
from holdfast.analyse.pedanova import pedanova
from holdfast.analyse.surface import (
    Dependence,
    PredictedOptimum,
    Surface,
    partial_dependence,
    predicted_optimum,
    surface,
)
from holdfast.errors import RequestError, nearest
from holdfast.records import Config
from holdfast.rng import Streams

MOST_NAMED = 3
LEAST_TOGETHER = 0.05
"""A smaller part that pairs make is not spoken of."""


class UnknownNameError(RequestError, KeyError):
    """There is no hyperparameter of that name; a `KeyError`, so that what looks for one in a mapping finds none."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Importance:
    """How much one hyperparameter matters.

    Attributes:
        name: of the hyperparameter.
        fanova: the part of the variance of the metric over the space that is due to it alone; see
            `holdfast.analyse.fanova` for how a conditional one counts.
        pedanova: its part in what tells the best of the trials from all (`holdfast.analyse.pedanova`); None where
            that cannot be told from chance.
        active: how often it is active in the space.
        trials: in how many trials it was active.
    """

    name: str
    fanova: Share
    pedanova: Share | None
    active: float
    trials: int


@dataclass(frozen=True)
class Importances(Mapping[str, Importance]):
    """How much each hyperparameter matters: a mapping from names to records, most first.

    Attributes:
        hyperparameters: one record each.
        trials, failed: how many trials that is by, and how many of them failed.
        explained: the part of the variance of trials that the model explains without having seen them.
        together: the part of the variance over the space that pairs make which are sure to act together.
        note: how many trials count with another score than their own; empty if none does.
    """

    hyperparameters: tuple[Importance, ...]
    trials: int
    failed: int
    explained: float
    together: float
    note: str = ""

    def __getitem__(self, name: str) -> Importance:
        for each in self.hyperparameters:
            if each.name == name:
                return each
        raise UnknownNameError(f"there is no hyperparameter named '{name}'{nearest(name, list(self))}")

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in self.hyperparameters)

    def __len__(self) -> int:
        return len(self.hyperparameters)

    def sentence(self, label: Callable[[str], str] = str) -> str:
        """What matters most."""
        sure = [each for each in self.hyperparameters if each.fanova.sure]
        spoken_of = self.together >= LEAST_TOGETHER
        rest = f" About {self.together:.0%} comes from how two of them act together." if spoken_of else ""
        rest += f" {self.note}" if self.note else ""
        if not sure:
            return f"By {self.trials} trials no single hyperparameter matters for sure.{rest}"
        named = [f"{label(each.name)} for {_range(each.fanova)}" for each in sure[:MOST_NAMED]]
        listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
        alone = "account alone" if len(named) > 1 else "accounts alone"
        return f"Of how much the score varies over the space, {listed} {alone}.{rest}"


@dataclass(frozen=True, eq=False)
class Analysis:
    """Trials, and what they teach; equal trials and seed give equal answers.

    Attributes:
        trials: as `holdfast.analyse.observed` has them.
        winner: the number of the winning trial; None with several objectives, or before there is one.
        target: the winner's configuration.
    """

    trials: Observed
    winner: int | None
    target: Config | None

    def importance(self) -> Importances:
        """How much each hyperparameter matters, by fANOVA and by PED-ANOVA, most by fANOVA first.

        Raises:
            RequestError: if nothing can be told from noise.
        """
        shares, chances = self._variances.single, pedanova(self.trials, self._variances.space)
        active = (~np.isnan(self.trials.units)).sum(axis=0)
        found = [
            Importance(
                self.trials.space.names[i], shares[i], chances[i], self._variances.space.active(i), int(active[i])
            )
            for i in varying(self.trials.space)
        ]
        ordered = sorted(found, key=lambda each: -each.fanova.value)
        return Importances(
            hyperparameters=tuple(ordered),
            trials=len(self.trials),
            failed=self.trials.failed,
            explained=self._variances.explained,
            together=sum(pair.value for pair in self._variances.pairs.values() if pair.sure),
            note=self.trials.note,
        )

    def interactions(self) -> tuple[Interaction, ...]:
        """The pairs of hyperparameters, the strongest first.

        Raises:
            RequestError: if nothing can be told from noise.
        """
        return interactions(self.trials, self._variances)

    def partial_dependence(self, name: str) -> Dependence:
        """What is expected given one hyperparameter, over all else.

        Raises:
            RequestError: if there is no hyperparameter of that name, or nothing can be told from noise.
        """
        names = self.trials.space.names
        if name not in names:
            raise RequestError(f"there is no hyperparameter named '{name}'{nearest(name, names)}")
        seed = Streams(self.trials.seed).integer(0, "analyse/background")
        return partial_dependence(self._surface, self._measure, name, seed, self.trials.note)

    def predicted_optimum(self) -> PredictedOptimum:
        """Where the best configuration is expected, and how far from the winner.

        Raises:
            RequestError: if there is no winner, or nothing can be told from noise.
        """
        winner, _ = self._winner()
        return predicted_optimum(self._surface, self.trials, winner)

    def ablation(self, source: Config | None = None, target: Config | None = None) -> Ablation:
        """Which changes made the target (the winner) better than the source (the default).

        Where the default is forbidden, the source is the configuration of the allowed trial nearest to it.

        Raises:
            RequestError: if there is no winner, both are the same, or nothing can be told from noise.
            SpaceError: if a configuration is not of the space.
        """
        space = self.trials.space
        end = self._winner()[1] if target is None else space.validate(target)
        start, called = beginning(self.trials, end) if source is None else (space.validate(source), "the source")
        ends = called, "the winner" if target is None else "the target"
        return ablation(space, start, end, self._surface.joint, self.trials.sign, ends, self.trials.note)

    def _winner(self) -> tuple[int, Config]:
        if self.winner is None or self.target is None:
            raise RequestError(
                "there is no winner to compare with: no trial has a score, or there are several objectives"
            )
        return self.winner, self.target

    @cached_property
    def _variances(self) -> Variances:
        return fanova(self.trials)

    @cached_property
    def _measure(self) -> Measure:
        return measure(self.trials.space)

    @cached_property
    def _surface(self) -> Surface:
        _ = self._variances  # a surface of nothing but noise would be sure of what is not there
        return surface(self.trials)


def _range(share: Share) -> str:
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"
