"""Hashes of what is searched: alike for what says the same in any process, different for what may score otherwise."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from holdfast.errors import RequestError
from holdfast.sklearn.digest import digest

ROWS = np.arange(12.0).reshape(4, 3)
MODEL = make_pipeline(StandardScaler(), LogisticRegression(C=2))


@dataclass
class Frame:
    """As much of a table as a hash needs."""

    columns: list[str]
    values: np.ndarray

    def to_numpy(self) -> np.ndarray:
        return self.values


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda X: X * factor


def _with_default(factor: float) -> Callable[[Any], Any]:
    def function(X: Any, factor: float = factor) -> Any:
        return X * factor

    return function


def _with_keyword(factor: float) -> Callable[[Any], Any]:
    def function(X: Any, *, factor: float = factor) -> Any:
        return X * factor

    return function


def _in_module(source: str) -> Any:
    """What ``found`` is in a module with this source, such as a notebook."""
    names: dict[str, Any] = {"__name__": "notebook"}
    exec(source, names)
    return names["found"]


def _fitted(depth: int) -> FrozenEstimator:
    return FrozenEstimator(DecisionTreeClassifier(max_depth=depth).fit(ROWS, [0, 1, 0, 1]))


def _in_the_middle(value: float) -> np.ndarray:
    values = np.zeros(3000)
    values[1500] = value
    return values


CALLS = "def helper(X): return X * {k}\nfound = lambda X: helper(X)"
LOOKS_UP = "k = {k}\ndef found(X): return [X * k for _ in range(2)]"
METHOD = "class found:\n    def fit(self, X):\n        return X * {k}\n"
INHERITED = "class Base:\n    k = {k}\nclass found(Base):\n    pass\n"
PROPERTY = "class found:\n    @property\n    def k(self): return {k}\n"
CACHED = "import functools\n@functools.lru_cache\ndef found(X): return X * {k}"


def test_the_same_content_has_the_same_hash() -> None:
    pairs: list[tuple[Any, Any]] = [
        (ROWS, ROWS.copy()),
        (ROWS, np.asfortranarray(ROWS)),
        (scipy.sparse.csr_array(ROWS), scipy.sparse.coo_array(ROWS)),
        (Frame(["a"], ROWS), Frame(["a"], ROWS.copy())),
        (MODEL, make_pipeline(StandardScaler(), LogisticRegression(C=2))),
        ({"a": 1, "b": None}, {"b": None, "a": 1}),
        (np.array(["x", None], dtype=object), np.array(["x", None], dtype=object)),
        (_times(2), _times(2)),
        (scipy.stats.expon(scale=2), scipy.stats.expon(scale=2)),
        (np.random.RandomState(3), np.random.RandomState(3)),
        (_fitted(1), _fitted(1)),
        *((_in_module(text.format(k=2)), _in_module(f"# a comment\n{text.format(k=2)}")) for text in (CALLS, METHOD)),
    ]
    for one, other in pairs:
        assert digest(one) == digest(other)


def test_tables_are_told_apart_by_index_and_categories() -> None:
    pd = pytest.importorskip("pandas")
    values = [
        *(pd.DataFrame({"a": [1, 2]}, index=index) for index in ([0, 1], [1, 0])),
        *(pd.Series(["a", "b"], dtype=pd.CategoricalDtype(order)) for order in (["a", "b"], ["b", "a"])),
    ]
    assert len({digest(value) for value in values}) == len(values)


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
        make_pipeline(StandardScaler().set_output(transform="pandas"), LogisticRegression(C=2)),
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
        *(np.ma.MaskedArray([1, 2], mask=mask) for mask in ([True, False], [False, True])),
    ]
    assert len({digest(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    "make",
    [
        _times,
        _with_default,
        _with_keyword,
        *(lambda k, text=text: _in_module(text.format(k=k)) for text in (CALLS, LOOKS_UP, METHOD, INHERITED)),
        *(lambda k, text=text: _in_module(text.format(k=k)) for text in (PROPERTY, CACHED)),
        lambda k: _in_module(METHOD.format(k=k))(),
        lambda k: functools.partial(_times, k),
        lambda k: make_scorer(fbeta_score, beta=k),
        lambda k: make_scorer(_times(k)),
        lambda k: FunctionTransformer(_times(k)),
        lambda k: scipy.stats.expon(scale=k),
        lambda k: scipy.stats.expon(0, k),
        lambda k: scipy.stats.rv_discrete(values=([0, k], [0.5, 0.5])),
        lambda k: scipy.stats.rv_histogram((np.ones(3), np.arange(4) * k)),
        lambda k: StratifiedKFold(shuffle=True, random_state=k),
        np.random.RandomState,
        _fitted,
        _in_the_middle,
    ],
)
def test_what_one_number_makes_different_has_another_hash(make: Callable[[int], Any]) -> None:
    assert digest(make(1)) == digest(make(1))
    assert digest(make(1)) != digest(make(2))


def test_a_function_that_calls_itself_and_one_that_counts_its_calls_have_a_hash() -> None:
    itself = "def found(n): return found(n - {k}) if n > 0 else 0"
    assert digest(_in_module(itself.format(k=1))) == digest(_in_module(itself.format(k=1)))
    assert digest(_in_module(itself.format(k=1))) != digest(_in_module(itself.format(k=2)))
    counts = _in_module("calls = 0\ndef found():\n    global calls\n    calls += 1")
    before = digest(counts)
    counts()
    assert digest(counts) == before


def test_what_methods_give_to_their_class_is_no_setting_but_its_other_values_are() -> None:
    fit = "    def fit(self):\n        found.calls += 1\n        self.k = 1\n"
    text = "class found:\n    k, calls = {k}, 0\n    length = staticmethod(len)\n" + fit
    one, other = (_in_module(text.format(k=k)) for k in (1, 2))
    before = digest(one)
    one().fit()
    assert (one.calls, digest(one)) == (1, before)
    assert digest(other) != before


def test_an_attribute_is_not_taken_for_what_the_module_has_under_its_name() -> None:
    text = "score = {k}\ndef found(model, X): return model.score(X)"
    assert digest(_in_module(text.format(k=1))) == digest(_in_module(text.format(k=2)))


def test_functions_of_a_module_of_ones_own_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []
    for k in (1, 2):
        name = f"own_module_{k}"
        (tmp_path / f"{name}.py").write_text(f"def helper(X): return X * {k}\n")
        found.append(digest(_in_module(f"import {name} as own\nfound = lambda X: own.helper(X)")))
    assert found[0] != found[1]


def test_what_cannot_be_told_from_its_like_is_refused_but_code_may_refer_to_it() -> None:
    words = re.escape("there is an object of the class _thread.lock, which cannot be told from others of it (")
    for value in (threading.Lock(), [threading.Lock()], functools.partial(print, threading.Lock())):
        with pytest.raises(RequestError, match=words):
            digest(value)
    logs = _in_module("import threading\nlock = threading.Lock()\ndef found(X):\n    with lock: return X")
    assert digest(logs) == digest(logs)


def test_what_is_nested_too_deeply_is_refused() -> None:
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(RequestError, match="nested too deeply"):
        digest(nested)


SCRIPT = """
import numpy as np, scipy.stats
from sklearn.metrics import make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier
from holdfast.sklearn.digest import digest
class Own:
    names = {"a", "b", "c"}
    def fit(self, X): return super().__init__() or [name in {"x", "y", "z"} for name in X]
scorer = make_scorer(lambda y, said: len({"p", "q", "r"}) + Own().fit(y))
choices = {"scale": [FunctionTransformer(lambda X: np.log(X)), None], "alpha": scipy.stats.expon(scale=3)}
tree = make_pipeline(DecisionTreeClassifier(random_state=np.random.RandomState(0)))
print(digest([scorer, choices, Own, Own(), tree]))
"""


def test_a_hash_is_the_same_in_every_process() -> None:
    found = set()
    for seed in "12":
        ran = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        found.add(ran.stdout)
    assert len(found) == 1
