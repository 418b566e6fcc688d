"""Preprocessing learns from training rows alone, gives dense finite matrices, and travels as a skops file."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from holdfast.data.columns import Schema, infer_schema
from holdfast.data.features import encode_target, to_features
from holdfast.data.preprocess import MOST_CATEGORIES, TRUSTED, ColumnStyle, categorical_positions, preprocessor
from holdfast.errors import DataError

STYLES: tuple[ColumnStyle, ...] = get_args(ColumnStyle)


def mixed(rows: int = 200) -> tuple[Schema, pl.DataFrame, np.ndarray]:
    """Numbers and categories with gaps, dates, truth values and texts."""
    rng = np.random.default_rng(0)
    color = rng.choice(["red", "green", "blue", "mauve"], rows, p=[0.5, 0.3, 0.19, 0.01])
    words = rng.choice(["free", "money", "hello", "dear", "you", "!"], (rows, 6))
    frame = pl.DataFrame(
        {
            "size": [
                None if gap else size for gap, size in zip(rng.random(rows) < 0.2, rng.normal(5, 2, rows), strict=True)
            ],
            "color": [None if gap else name for gap, name in zip(rng.random(rows) < 0.2, color, strict=True)],
            "ok": rng.random(rows) < 0.5,
            "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(rows)],
            "message": [" ".join(row) if i % 7 else "" for i, row in enumerate(words)],
            "y": rng.choice(["a", "b"], rows),
        }
    )
    schema = infer_schema(frame, "y", overrides={"message": "text"})
    return schema, to_features(schema, frame), encode_target(schema, frame)


@pytest.mark.parametrize("style", STYLES)
def test_what_is_learned_depends_on_training_rows_only(style: ColumnStyle) -> None:
    """Other rows, however strange, change nothing in what the training rows become."""
    schema, features, _ = mixed()
    strange = features[100:].with_columns(
        size=pl.lit(1e9), color=pl.lit("new"), message=pl.lit("never seen"), ok=pl.lit(float("nan"))
    )
    alone = preprocessor(schema, style).fit(features[:100])
    before = alone.transform(features[:100])
    shown = alone.transform(strange)
    assert np.array_equal(alone.transform(features[:100]), before, equal_nan=True)
    assert np.allclose(preprocessor(schema, style).fit_transform(features[:100]), before, equal_nan=True)
    assert shown.shape[1] == before.shape[1]
    together = preprocessor(schema, style).fit(pl.concat([features[:100], strange])).transform(features[:100])
    assert together.shape != before.shape or not np.allclose(together, before, equal_nan=True)


@pytest.mark.parametrize("style", STYLES)
def test_matrices_are_dense_named_and_survive_skops(style: ColumnStyle) -> None:
    schema, features, _ = mixed()
    fitted = preprocessor(schema, style).fit(features[:100])
    matrix = fitted.transform(features[100:])
    assert isinstance(matrix, np.ndarray)
    assert matrix.dtype == np.float64
    assert matrix.shape == (100, len(fitted.get_feature_names_out()))
    assert style == "ordinal" or np.isfinite(matrix).all()
    data = skops.io.dumps(fitted)
    assert set(skops.io.get_untrusted_types(data=data)) <= set(TRUSTED)
    again = skops.io.loads(data, trusted=list(TRUSTED))
    assert np.array_equal(again.transform(features[100:]), matrix, equal_nan=True)
    assert list(again.get_feature_names_out()) == list(fitted.get_feature_names_out())


def test_scaled_numbers_have_mean_zero_and_variance_one_on_training_rows() -> None:
    schema, features, _ = mixed()
    fitted = preprocessor(schema, "scaled").fit(features[:100])
    names = fitted.get_feature_names_out()
    numbers = fitted.transform(features[:100])[:, [name.startswith("number__") for name in names]]
    assert "number__missingindicator_size" in names
    varying = numbers[:, numbers.std(axis=0) > 0]
    assert np.allclose(varying.mean(axis=0), 0)
    assert np.allclose(varying.std(axis=0), 1)


def test_rare_and_unknown_categories_are_one() -> None:
    schema, features, _ = mixed()
    fitted = preprocessor(schema, "onehot").fit(features)
    names = list(fitted.get_feature_names_out())
    assert "category__color_(missing)" in names
    assert "category__color_mauve" not in names
    row = fitted.transform(features[:1].with_columns(color=pl.lit("never seen")))[0]
    assert row[names.index("category__color_infrequent_sklearn")] == 1


def test_ordinal_keeps_gaps_and_says_which_columns_are_codes() -> None:
    schema, features, y = mixed()
    fitted = preprocessor(schema, "ordinal").fit(features)
    matrix = fitted.transform(features)
    names = fitted.get_feature_names_out()
    positions = categorical_positions(schema)
    assert [names[position] for position in positions] == ["category__color"]
    assert np.isnan(matrix[:, list(names).index("number__size")]).any()
    assert np.isnan(fitted.transform(features[:1].with_columns(color=pl.lit("never seen")))[0, positions[0]])
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=positions).fit(matrix, y)
    assert model.predict(matrix).shape == y.shape


def test_many_categories_stay_within_what_histogram_trees_take() -> None:
    names = [f"c{i % 400}" for i in range(8000)]
    frame = pl.DataFrame({"c": names, "y": ["a", "b"] * 4000})
    schema = infer_schema(frame, "y")
    matrix = preprocessor(schema, "ordinal").fit_transform(to_features(schema, frame))
    assert matrix.max() < MOST_CATEGORIES["ordinal"]
    HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(matrix, encode_target(schema, frame))
    onehot = preprocessor(schema, "onehot").fit_transform(to_features(schema, frame))
    assert onehot.shape[1] == MOST_CATEGORIES["onehot"]


@pytest.mark.parametrize("style", STYLES)
def test_columns_without_a_value_in_the_training_rows_do_no_harm(style: ColumnStyle) -> None:
    schema, features, _ = mixed()
    empty: dict[str, Any] = {"size": pl.lit(float("nan")), "color": pl.lit("(missing)"), "message": pl.lit("(missing)")}
    fitted = preprocessor(schema, style).fit(features[:50].with_columns(**empty))
    assert fitted.transform(features[50:]).shape[0] == 150


def test_an_unknown_style_is_refused() -> None:
    schema, _, _ = mixed()
    with pytest.raises(DataError, match="did you mean 'scaled'"):
        preprocessor(schema, "scale")  # type: ignore[arg-type]
