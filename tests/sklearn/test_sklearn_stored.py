"""The study behind a search: what its name depends on, and what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.errors import RequestError
from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.sklearn.stored import StudySettings, digest, stored_settings
from holdfast.space import Float, Space

ROWS = np.arange(12.0).reshape(4, 3)
MODEL = make_pipeline(StandardScaler(), LogisticRegression(C=2))


@dataclass
class Frame:
    """As much of a table as a hash needs."""

    columns: list[str]
    values: np.ndarray

    def to_numpy(self) -> np.ndarray:
        return self.values


def test_the_same_content_has_the_same_hash() -> None:
    pairs: list[tuple[Any, Any]] = [
        (ROWS, ROWS.copy()),
        (ROWS, np.asfortranarray(ROWS)),
        (scipy.sparse.csr_array(ROWS), scipy.sparse.coo_array(ROWS)),
        (Frame(["a"], ROWS), Frame(["a"], ROWS.copy())),
        (MODEL, make_pipeline(StandardScaler(), LogisticRegression(C=2))),
        ({"a": 1, "b": None}, {"b": None, "a": 1}),
        (np.array(["x", None], dtype=object), np.array(["x", None], dtype=object)),
    ]
    for one, other in pairs:
        assert digest(one) == digest(other)


def test_other_content_has_another_hash() -> None:
    values: list[Any] = [
        ROWS,
        ROWS + 1,
        ROWS.T,
        ROWS.astype(np.float32),
        scipy.sparse.csr_array(ROWS),
        Frame(["a"], ROWS),
        Frame(["b"], ROWS),
        MODEL,
        make_pipeline(StandardScaler(), LogisticRegression(C=3)),
        [1, 2],
        ["1", "2"],
        [[1], [2]],
        [1, [2]],
        None,
        "None",
        {"a": 1},
        {"a": True},
        np.array(["x", "y"]),
        np.array(["x", "y"], dtype=object),
        len,
        max,
    ]
    assert len({digest(value) for value in values}) == len(values)


class Own:
    """A strategy of one's own by the name of a built-in one, and without settings as that."""

    name = "random"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        return []


def _settings(**ways: Any) -> StudySettings:
    plain: dict[str, Any] = {"space": Space({"C": Float(0.1, 1)}), "objectives": ("score",), "strategy": "random"}
    return StudySettings(**{**plain, "seed": 0, "storage": None, **ways})


def test_a_study_is_named_by_all_that_defines_it(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    base: dict[str, Any] = {"storage": storage}
    variants = [
        stored_settings(_settings(**base), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base), 1, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base), 0, {"X": ROWS + 1}, "SVC"),
        stored_settings(_settings(**base, space=Space({"C": Float(0.1, 2)})), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, strategy="grid"), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, strategy=GridSearch(3)), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, strategy=Own()), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, objectives=("a", "b")), 0, {"X": ROWS}, "SVC"),
    ]
    names = [item.name for item in variants]
    assert len(set(names)) == len(names)
    assert all(name.startswith("SVC-") for name in names)
    assert stored_settings(_settings(**base), 0, {"X": ROWS.copy()}, "SVC").name == names[0]
    assert not (tmp_path / "study.db").exists(), "naming creates nothing"
    assert stored_settings(_settings(), 0, {"X": ROWS}, "SVC").name == "study"


def test_without_a_seed_the_stored_one_goes_on(tmp_path: Path) -> None:
    base: dict[str, Any] = {"storage": f"sqlite:///{tmp_path / 'study.db'}"}
    first = stored_settings(_settings(**base, seed=11), None, {"X": ROWS}, "SVC")
    with pytest.raises(RequestError, match="not in storage"):
        first.reopen()
    first.open().close()
    again = stored_settings(_settings(**base, seed=12), None, {"X": ROWS}, "SVC")
    assert (again.seed, again.name) == (11, first.name)
    assert again.reopen().book.state.settings.seed == 11
