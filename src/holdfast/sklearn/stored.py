"""The study behind a search: made or gone on with, named by what is searched on which data, and pickled with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.address import masked
from holdfast.errors import RequestError
from holdfast.log.memory import MemoryLog
from holdfast.log.open import list_studies
from holdfast.records import Direction
from holdfast.search.base import Strategy
from holdfast.search.registry import is_built_in, settings_of
from holdfast.sklearn.digest import digest
from holdfast.space import Space
from holdfast.study.folds import NEVER
from holdfast.study.load import load_study
from holdfast.study.settings import DEFAULT_NAME, checked_strategy
from holdfast.study.study import Study


@dataclass(frozen=True)
class StudySettings:
    """What a search's study is made of, enough to open it again."""

    space: Space
    objectives: tuple[str, ...]
    strategy: str | Strategy
    seed: int
    storage: str | MemoryLog | None
    name: str = DEFAULT_NAME
    drop_folds: str = NEVER

    def open(self) -> Study:
        """The study, new or gone on with."""
        direction: dict[str, Direction] = dict.fromkeys(self.objectives, "maximize")
        return Study(
            self.space,
            direction=direction,
            strategy=self.strategy,
            seed=self.seed,
            storage=self.storage,
            name=self.name,
            drop_folds=self.drop_folds,
        )

    def reopen(self) -> Study:
        """The study that there is.

        Raises:
            RequestError: if its storage is not there any more.
        """
        if isinstance(self.storage, str) and self.name not in list_studies(self.storage):
            raise RequestError(
                f"study '{self.name}' is not in storage '{masked(self.storage)}' any more; put the file back where it "
                "was"
            )
        return self.open()

    def detached(self, study: Study) -> StudySettings:
        """The same with the log itself where it is in memory, fit to be pickled."""
        log = study.book.log
        return replace(self, storage=log) if isinstance(log, MemoryLog) else self


def stored_settings(settings: StudySettings, seed: int | None, identity: Mapping[str, Any], kind: str) -> StudySettings:
    """The settings with the name of a stored study: one for each data set, folds, estimator, space, strategy and seed.

    Without a ``seed`` of a person's, a study that was begun with another one is gone on with.
    """
    if settings.storage is None:
        return settings
    strategy = checked_strategy(settings.strategy)
    whole = {
        **identity,
        "space": [list(pair) for pair in settings.space.to_json().items()],
        "forbid": _predicates(settings.space),
        "strategy": [strategy.name, is_built_in(strategy), settings_of(strategy)],
        "objectives": settings.objectives,
        "seed": seed,
        "drop_folds": settings.drop_folds,
    }
    named = replace(settings, name=f"{kind}-{digest(whole)}")
    if seed is None and isinstance(named.storage, str) and named.name in list_studies(named.storage):
        study = load_study(named.name, named.storage, strategy=strategy, forbid=_predicates(settings.space))
        named = replace(named, seed=study.book.state.settings.seed)
        study.close()
    return named


def _predicates(space: Space) -> list[Any]:
    return [rule.predicate for rule in space.forbid if rule.predicate is not None]
