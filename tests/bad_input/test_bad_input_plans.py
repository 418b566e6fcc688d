"""A thousand plans with a mistake or a few: each is prepared, or refused in one sentence."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import math
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import HoldfastError
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.prepare import prepare_study
from holdfast.protocol.read import read_plan

if TYPE_CHECKING:
    from tests.bad_input.bench import TABLE
    from tests.bad_input.mutations import mutated
else:
    from bench import TABLE
    from mutations import mutated

PLAN: dict[str, Any] = {
    "study": {"name": "mine", "seed": 1, "unseal": "by-hand"},
    "data": {
        "source": "table.csv",
        "target": "y",
        "task": "binary",
        "split": {"train": 0.6, "validation": 0.2, "test": 0.2},
        "columns": {"x1": "numeric"},
        "drop": ["x2"],
        "slices": ["colour"],
    },
    "model": {"family": "knn", "ship": "auto"},
    "space": {
        "n_neighbors": {"low": 1, "high": 9, "when": {"weights": ["uniform"]}},
        "weights": ["uniform", "distance"],
        "leaf_size": {"type": "int", "low": 5, "high": 50, "log": True, "default": 30},
        "metric": {"type": "categorical", "choices": ["l1", "l2"], "ordered": False},
        "p": 2,
    },
    "search": {"strategy": "grid", "trials": 4, "workers": 1, "settings": {"resolution": 3}, "finalists": 2},
    "metric": {"name": "accuracy"},
    "price": {"usd_per_run": 1.5, "usd_per_hour": 2, "watts": 100, "country": "DEU"},
    "budget": {"trials": 3, "hours": 1.5, "usd": 20.0, "kwh": 5, "kg_co2e": 3.0, "disk": "500 MB"},
    "trials": [{"config": {"leaf_size": 10, "metric": "l2"}, "why": "a guess"}],
}
"""A plan that has every table and most keys."""

TEXT = tomli_w.dumps(PLAN)

OTHER_NAMES = (
    "type low high log step default choices ordered when group time folds select stratify storage fidelity min max eta "
    "config why x1 x2 colour y é"
)

NAMES = sorted({key for table in PLAN.values() if isinstance(table, dict) for key in table} | {*PLAN, "", "a b"})
NAMES += OTHER_NAMES.split()

WORDS = (
    "mlp svm kmeans lasso gp asha auto rmse roc_auc regression clustering numeric date text drop sklearn:iris "
    "math:sqrt os:nothing ../mine con sqlite:///a.db"
)

TEXTS = st.sampled_from([*NAMES, *WORDS.split()])

NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([2**31, 2**63, 2**64, 10**30, 10**400, -(10**30)]),
    st.sampled_from([0.0, -0.0, 0.1, 0.5, 1.0, 2.5, 1e-300, 1e308, math.inf, -math.inf, math.nan]),
)

OTHERS = st.one_of(
    st.booleans(),
    st.sampled_from([dt.date(2026, 1, 31), dt.datetime(2026, 1, 31, 12, 0), dt.time(12, 0)]),  # noqa: DTZ001
    st.sampled_from([[], {}, [1], ["a", 1], [[]], {"a": 1}, {"type": "float"}, [{"config": {}}], {"low": 1}]),
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value of a plan, at any depth."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def home(tree: Any, path: tuple[Any, ...]) -> Any:
    """The table or list that holds the value at a path."""
    for key in path[:-1]:
        tree = tree[key]
    return tree


@st.composite
def plans(draw: st.DrawFn) -> bytes:
    """The bytes of a plan with one to three mutations of its structure, and perhaps of its text."""
    tree = copy.deepcopy(PLAN)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        path = draw(st.sampled_from(list(places(tree))))
        table, key = home(tree, path), path[-1]
        match draw(st.sampled_from(["drop", "rename", "replace", "move", "alike", "alike"])):
            case "drop":
                del table[key]
            case "rename" if isinstance(table, MutableMapping):
                table[draw(st.sampled_from(NAMES))] = table.pop(key)
            case "move":
                to = draw(st.sampled_from([tree, *(part for part in tree.values() if isinstance(part, dict))]))
                to[draw(st.sampled_from(NAMES))] = copy.deepcopy(table[key])
            case "alike" if isinstance(table[key], str | int | float):
                table[key] = draw(TEXTS if isinstance(table[key], str) else NUMBERS)
            case _:
                table[key] = copy.deepcopy(draw(TEXTS | NUMBERS | OTHERS))
        if not tree:
            break
    text = tomli_w.dumps(tree).encode()
    return draw(mutated(text)) if draw(st.integers(0, 4)) == 4 else text


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new working folder with the table in it."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        Path("table.csv").write_text(TABLE, encoding="utf-8")
        yield Path(name)


@settings(max_examples=200)
@given(plans())
def test_a_plan_with_mistakes_is_prepared_or_refused_in_one_sentence(data: bytes) -> None:
    check_plan(data)


@pytest.mark.long
@settings(max_examples=1000)
@given(plans())
def test_many_plans_with_mistakes_are_prepared_or_refused_in_one_sentence(data: bytes) -> None:
    check_plan(data)


def check_plan(data: bytes) -> None:
    """Prepare what may be a plan: it works, or one sentence says where it is wrong and nothing is left behind."""
    with folder(), mock.patch("holdfast.protocol.prepare.git_state", return_value=None):
        Path("plan.toml").write_bytes(data)
        try:
            file = read_plan("plan.toml")
            prepare_study(file, RunFolder(Path("runs"), file.plan.study.name)).close()
        except HoldfastError as exc:
            said = str(exc)
        else:
            shutil.rmtree("runs")
            return
        assert said
        assert "\n" not in said
        assert not list(Path().glob("runs/*"))
        assert "plan.toml" in said, said
