"""What a study was created with, read from its storage, with what no log can hold given again."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.address import masked
from holdfast.errors import RequestError, nearest
from holdfast.log.open import list_studies, open_log
from holdfast.search.base import Strategy
from holdfast.search.registry import make_strategy
from holdfast.space import Space
from holdfast.space.rules import Predicate
from holdfast.study.book import Book
from holdfast.study.settings import Settings


def stored_settings(
    name: str, storage: str, strategy: Strategy | None, forbid: Sequence[Predicate]
) -> tuple[Settings, Space | None, Strategy]:
    """The settings of a stored study, its space with the functions that forbid, and its strategy.

    Raises:
        RequestError: if the storage has no such study, or something that it needs was not given.
    """
    studies = list_studies(storage)
    if name not in studies:
        raise RequestError(f"storage '{masked(storage)}' has no study named '{name}'{nearest(name, studies)}")
    book = Book(open_log(storage, name))
    settings = book.state.settings
    book.close()  # with the state kept if the log is long, so that it is not folded again
    if strategy is None and settings.own_strategy:
        raise RequestError(
            f"study '{name}' was made with a strategy of its own, '{settings.strategy}'; give it again as "
            "load_study(..., strategy=...)"
        )
    space = None if settings.space is None else settings.space.with_predicates(forbid)
    for rule in () if space is None else space.forbid:
        if rule.expression is None and rule.predicate is None:
            raise RequestError(
                f"study '{name}' forbids combinations by the function '{rule.name}', which a log cannot hold; give it "
                f"again as load_study(..., forbid=[{rule.name}])"
            )
    return settings, space, strategy or make_strategy(settings.strategy, settings.strategy_settings)


def this_version() -> str:
    """The version of holdfast that writes to a log."""
    from importlib.metadata import version

    return version("holdfast")
