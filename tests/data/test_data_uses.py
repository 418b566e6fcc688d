"""Rows that were looked at before are known by their hashes, and equal rows of one table are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.data.columns import infer_schema
from holdfast.data.fingerprint import HASH_DTYPE, row_hashes
from holdfast.data.leakage.check import find_leakage
from holdfast.data.leakage.looked import NAMED
from holdfast.data.roles import NO_FOLD, Role, Roles
from holdfast.data.uses import Seen, Use, looked_at


def hashes(text: str) -> np.ndarray:
    return np.array(list(text), dtype=HASH_DTYPE)


@pytest.mark.parametrize(
    ("own", "used", "role", "table", "known"),
    [
        ("abc", "bcd", "validation", "abc", "011"),
        ("abc", "xyz", "validation", "abc", "000"),
        ("aab", "ab", "validation", "aabb", "101"),  # one role: the same rows as far as anybody can tell
        ("aab", "ab", "test", "aaabb", "000"),  # three of a, two of b: there may be enough for both
        ("aab", "ab", "test", "aabx", "101"),
        ("aab", "aaab", "test", "aab", "111"),  # of a table that is gone
    ],
)
def test_rows_are_known_again(own: str, used: str, role: Role, table: str, known: str) -> None:
    use = Use("earlier", role, 3, hashes(used))
    found = looked_at(hashes(own), "validation", use, hashes(table))
    assert "".join("01"[int(each)] for each in found) == known


def test_select_and_test_rows_of_another_role_before_are_a_finding() -> None:
    rng = np.random.default_rng(0)
    import polars as pl

    frame = pl.DataFrame({"x": rng.normal(size=400), "y": rng.normal(size=400)})
    role = np.repeat(["train", "validation", "select", "test"], 100)
    roles, schema, own = Roles(role, np.full(400, NO_FOLD)), infer_schema(frame, "y"), row_hashes(frame)
    y = frame["y"].to_numpy()
    uses = [
        Use("older", "validation", 7, own[290:310]),
        Use("older", "select", 2, own[200:300]),  # select rows once more: counted, and no finding
        Use("older", "test", 1, own[300:]),
        Use("other", "select", 5, own[305:315]),
    ]
    found = [
        each for each in find_leakage(schema, frame, y, roles, seen=Seen(own, uses)).found if "looked" in each.name
    ]
    assert [each.count for each in found] == [10, 15]
    assert found[0].text == (
        "10 of 100 select rows were looked at before: by study 'older', as validation rows, 7 configurations on 10 of "
        "these rows"
    )
    assert found[1].rows == (301, 302, 303, 304, 305)
    assert "as select rows, 5 configurations on 10 of these rows" in found[1].text
    assert all(each.severity == "warning" for each in found)
    many = Seen(own, uses[3:] * (NAMED + 1))
    (one,) = [each for each in find_leakage(schema, frame, y, roles, seen=many).found if "looked" in each.name]
    assert one.text.endswith("; and 1 more look")
