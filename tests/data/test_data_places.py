"""Pixels and tokens: every column is a place, and all are learned from together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import skops.io

from holdfast.data.columns import infer_schema
from holdfast.data.features import to_features
from holdfast.data.places import PADDING, UNKNOWN, fit_pixels, fit_tokens, known_tokens, numeric_places
from holdfast.data.preprocess import TRUSTED, fit_preprocessor
from holdfast.errors import DataError


def frame_of(values: list[list[float]]) -> pl.DataFrame:
    """A frame with columns p0, p1, ..."""
    return pl.DataFrame(np.array(values, dtype=float), schema=[f"p{i}" for i in range(len(values[0]))])


def test_pixels_share_one_scale_and_keep_their_order_of_brightness() -> None:
    values = np.random.default_rng(0).uniform(0, 16, size=(30, 9))
    values[:, 0], values[:, 1] = 0.0, np.nan
    frame = pl.DataFrame(values, schema=[f"p{i}" for i in range(9)])
    transformer, matrix = fit_pixels(frame)
    known = np.isfinite(values)
    assert matrix[known].mean() == pytest.approx(0.0, abs=1e-12)
    assert matrix[known].std() == pytest.approx(1.0)
    assert (matrix[:, 1] == 0.0).all()
    slope = np.diff(matrix[known][:50]) / np.diff(values[known][:50])
    assert np.allclose(slope[np.isfinite(slope)], 1.0 / values[known].std())
    data = skops.io.dumps(transformer)
    assert set(skops.io.get_untrusted_types(data=data)) <= set(TRUSTED)
    assert np.array_equal(skops.io.loads(data, trusted=list(TRUSTED)).transform(frame), matrix)


def test_an_image_without_contrast_stays_finite() -> None:
    _, matrix = fit_pixels(frame_of([[3.0, 3.0], [3.0, 3.0]]))
    assert np.isfinite(matrix).all()


def test_tokens_have_one_code_in_all_columns() -> None:
    rows = [[7.0, 900.0, 0.0], [900.0, 7.0, np.nan], [7.0, 3.0, 3.0]]
    transformer, codes = fit_tokens(frame_of(rows))
    assert codes.tolist() == [[1, 2, PADDING], [2, 1, PADDING], [1, UNKNOWN, UNKNOWN]]
    assert known_tokens(transformer) == 2
    assert transformer.transform(frame_of([[3.0, 41.0, 7.0]])).tolist() == [[UNKNOWN, UNKNOWN, 1]]


def test_tokens_survive_skops_in_a_file_that_holds_them_once() -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(draw.integers(1, 3000, size=(400, 40)).astype(float), schema=[f"t{i}" for i in range(40)])
    transformer, codes = fit_tokens(frame)
    data = skops.io.dumps(transformer)
    assert set(skops.io.get_untrusted_types(data=data)) <= set(TRUSTED)
    assert np.array_equal(skops.io.loads(data, trusted=list(TRUSTED)).transform(frame), codes)
    assert len(data) < 20 * 8 * known_tokens(transformer)


@pytest.mark.parametrize("wrong", [2.5, -1.0])
def test_what_is_no_token_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match=rf"column 'p1' holds {wrong:g} in row 2, which is no id of a token"):
        fit_tokens(frame_of([[1.0, 2.0], [1.0, wrong]]))


def test_only_numbers_are_places() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    with pytest.raises(DataError, match="column 'b' is no column of numbers"):
        fit_pixels(frame)


def test_columns_with_one_value_keep_their_place() -> None:
    table = pl.DataFrame({"p0": [0, 0, 0, 0], "p1": [1, 2, 3, 4], "y": ["a", "b", "a", "b"]})
    assert len(infer_schema(table, "y").features) == 1
    schema = infer_schema(table, "y", overrides=numeric_places(table.columns, ["y", None]))
    assert [column.name for column in schema.features] == ["p0", "p1"]
    _, matrix = fit_preprocessor(schema, "pixels", to_features(schema, table))
    assert matrix.shape == (4, 2)
