"""A row's fingerprint is its content, and nothing else."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.data.fingerprint import fingerprint, hashes_from_bytes, hashes_to_bytes, overlap, row_hashes
from holdfast.data.tables import read_table


def example() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "n": [1.0, -0.0, None, 1e300],
            "i": [1, 2, None, -3],
            "b": [True, False, None, True],
            "s": ["x", "1.50", None, 'é, "q"'],
            "d": pl.Series(["2024-02-29", "1969-12-31", None, "2000-01-01"]).str.to_date(),
            "t": pl.Series(
                ["2024-02-29 10:00:00.5", "1969-12-31 00:00:00", None, "2000-01-01 01:02:03"]
            ).str.to_datetime(),
        }
    )


def test_hashes_stay_as_they_are() -> None:
    """A change here would hide every earlier opening of a test set."""
    assert fingerprint(row_hashes(example())) == PINNED


PINNED = "1bc8542f2ab7291a882327dd6903b497cc22222187bdb3b632a48456f0c15d59"


def test_a_table_and_its_csv_have_the_same_hashes() -> None:
    frame = example()
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    assert (row_hashes(read_table(buffer.getvalue(), Path("t.csv"))) == row_hashes(frame)).all()


def test_types_and_order_do_not_matter_and_names_and_values_do() -> None:
    frame = example()
    hashes = row_hashes(frame)
    assert len(np.unique(hashes)) == 4
    assert (row_hashes(frame.select(reversed(frame.columns))) == hashes).all()
    assert (
        row_hashes(frame.with_columns(pl.col("i").cast(pl.Float32), pl.col("s").cast(pl.Categorical))) == hashes
    ).all()
    assert fingerprint(row_hashes(frame.reverse())) == fingerprint(hashes)
    assert not np.isin(row_hashes(frame.rename({"i": "j"})), hashes).any()
    assert (row_hashes(frame.with_columns(pl.lit(1).alias("z")), leave_out=["z"]) == hashes).all()
    assert (row_hashes(frame.with_columns(i=pl.col("i").fill_null(7))) == hashes).tolist() == [True, True, False, True]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=1, max_size=20, unique=True))
def test_cells_cannot_run_together(rows: list[tuple[str, str]]) -> None:
    """Different rows of words have different hashes, wherever the border between their cells is."""
    words = [(f"w{a}", f"w{b}") for a, b in rows]
    frame = pl.DataFrame({"a": [a for a, _ in words], "b": [b for _, b in words]})
    assert len(np.unique(row_hashes(frame))) == len(words)


@settings(max_examples=100, deadline=None)
@given(a=st.lists(st.integers(0, 5), max_size=20), b=st.lists(st.integers(0, 5), max_size=20))
def test_overlap_counts_what_both_hold(a: list[int], b: list[int]) -> None:
    def hashes(values: list[int]) -> np.ndarray:
        return row_hashes(pl.DataFrame({"x": values}, schema={"x": pl.Int64}))

    assert overlap(hashes(a), hashes(b)) == sum(min(a.count(value), b.count(value)) for value in set(a))
    assert (hashes_from_bytes(hashes_to_bytes(hashes(a))) == hashes(a)).all()


def test_hashing_is_fast_enough() -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{i}": rng.normal(size=32_000) for i in range(15)})
    start = time.process_time()
    row_hashes(frame)
    assert time.process_time() - start < 4
