"""What errors say beside their sentence: the exit code, and whether the same call may succeed later."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import holdfast
from holdfast import errors
from holdfast.errors import ExhaustedError, HoldfastError, NothingYetError


def kinds(kind: type[HoldfastError] = HoldfastError) -> Iterator[type[HoldfastError]]:
    """An error class of this module, and all below it."""
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from kinds(below)


def test_the_drawn_hierarchy_says_which_errors_are_worth_a_second_try() -> None:
    drawn = dict(re.findall(r"^[ │├└─]*(\w+Error) +(.*)$", errors.__doc__ or "", re.MULTILINE))
    there = {kind.__name__: kind for kind in kinds()}
    assert drawn.keys() <= there.keys()
    assert {name for name, said in drawn.items() if said.endswith("; retry")} == {
        name for name, kind in there.items() if kind.retry
    }
    assert {name for name, kind in there.items() if kind.retry} == {"BusyStudyError", "BusyLogError", "NothingYetError"}


def test_asking_too_early_is_worth_a_second_try_and_asking_too_often_is_not() -> None:
    study = holdfast.Study({"x": holdfast.Categorical(["a"])}, strategy="grid")
    trial = study.ask()
    with pytest.raises(NothingYetError, match="1 running trials may change that") as early:
        study.ask()
    study.tell(trial, 1.0)
    with pytest.raises(ExhaustedError) as late:
        study.ask()
    assert (early.value.retry, late.value.retry) == (True, False)
