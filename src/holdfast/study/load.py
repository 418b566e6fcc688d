"""Going on with a study that is in a storage already."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.search.base import Strategy
from holdfast.space.rules import Predicate
from holdfast.study.constraints import to_table
from holdfast.study.stored import stored_settings
from holdfast.study.study import Study


def load_study(name: str, storage: str, *, strategy: Strategy | None = None, forbid: Sequence[Predicate] = ()) -> Study:
    """The study of that name; a strategy of one's own, and functions that forbid, have to be given again.

    A study keeps its strategy; a study of another name can learn from it by ``Study(..., earlier=[study])``.

    Raises:
        RequestError: if the storage has no such study, something that it needs was not given, or the strategy is
            another one.
    """
    settings, space, own = stored_settings(name, storage, strategy, forbid)
    return Study(
        space,
        direction=settings.directions,
        strategy=own,
        seed=settings.seed,
        storage=storage,
        name=name,
        fidelity=settings.fidelity,
        constraints=to_table(settings.constraints),
        duplicates=settings.duplicates,
        drop_folds=settings.drop_folds,
        deterministic=settings.workers is not None,
        workers=settings.workers or 1,
    )
