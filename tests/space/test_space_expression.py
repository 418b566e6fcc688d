"""Expressions: what they mean, and that nothing but that language is understood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import SpaceError
from holdfast.space.expression import parse

VALUES: dict[str, Any] = {
    "x": [1.0, 2.5, -3.0],
    "n": [1.0, 2.0, 4.0],
    "kind": ["a", "b", "a"],
    "on": [True, False, True],
}


def columns() -> dict[str, np.ndarray]:
    return {
        "x": np.array(VALUES["x"]),
        "n": np.array(VALUES["n"]),
        "kind": np.array(VALUES["kind"], dtype=object),
        "on": np.array(VALUES["on"], dtype=object),
        "max-depth": np.array(VALUES["n"]),
        "svc.C": np.array(VALUES["x"]),
    }


@pytest.mark.parametrize(
    "text",
    [
        "x > 1",
        "1 < n <= 4 and kind == 'a'",
        "not (kind != 'a') or x < 0",
        "kind in ['a', 'c'] and on",
        "kind not in ('a',)",
        "on == True",
        "n in [1, 4]",
        "x * 2 + n - 1",
        "n ** 2 // 3 % 2",
        "-x if kind == 'a' else n / 2",
        "max(x, n, 2) - min(x, 0)",
        "abs(x)",
        "'big' if n > 1 else 'small'",
    ],
)
def test_it_means_what_it_means_in_python(text: str) -> None:
    found = parse(text).evaluate(columns()).tolist()
    for i, value in enumerate(found):
        row = {name: column[i] for name, column in VALUES.items()}
        assert value == eval(text, {}, row)


def test_names_that_are_no_words() -> None:
    expression = parse("`max-depth` * 2 > svc.C")
    assert expression.names == ("max-depth", "svc.C")
    assert expression.evaluate(columns()).tolist() == [True, True, True]


def test_true_and_one_are_different_and_the_impossible_is_nan() -> None:
    assert parse("on == 1").evaluate(columns()).tolist() == [False, False, False]
    assert np.isnan(parse("log(x)").evaluate(columns()))[2]
    assert parse("1 / (n - 1) > 5").evaluate(columns()).tolist() == [True, False, False]


def test_whole_numbers() -> None:
    whole = {"n": True, "x": False}
    kept = [parse(text).is_whole(whole.__getitem__) for text in ("n * 2", "max(n, 3) - 1", "x // 2", "n / 2", "n * x")]
    assert kept == [True, True, True, False, False]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "kind.upper()",
        "(lambda: x)()",
        "[x for x in n]",
        "x[0]",
        "f'{x}'",
        "open(x)",
        "x if",
        "x := 3",
        "x; n",
        "max(*x)",
        "log(x, n)",
        "x @ n",
        "x & n",
        "x is None",
        "[x] == [n]",
        "x in kind",
        "3 + 4",
        "(" * 300 + "x" + ")" * 300,
        "+".join(["x"] * 300),
        "x" * 2000,
        "",
        "\x00",
        "x == b'a'",
        "x == 2j",
        "...",
    ],
)
def test_nothing_else_is_understood(text: str) -> None:
    with pytest.raises(SpaceError) as caught:
        parse(text).evaluate({"x": np.ones(1), "n": np.ones(1), "kind": np.ones(1)})
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        expression = parse(text)
    except SpaceError:
        return
    assert expression.names
