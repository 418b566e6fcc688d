"""Tables of which every column is a place: the pixels of an image, or the tokens of a sequence, one row each.

All columns are numbers and are learned from together. What is fitted is made of classes of scikit-learn alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import DataError

if TYPE_CHECKING:
    import polars as pl
    from sklearn.compose import ColumnTransformer

IN_PLACE = frozenset({"pixels", "tokens"})
"""The styles of preprocessing of such tables."""

PADDING = 0
"""The id, and the code, of a place without a token."""

UNKNOWN = -1
"""The code of a token that is not known."""

FEWEST_ROWS = 2
"""A token in fewer training rows than this is not known, so that something is learned about tokens that are not."""

MOST_TOKENS = 30_000
"""The most tokens that are known: those in the most training rows."""


def numeric_places(columns: Iterable[str], others: Iterable[str | None]) -> dict[str, str]:
    """The kinds of such a table's columns: numbers, also where one has the same value in every row.

    Args:
        columns: of the table.
        others: those that are no places, such as the target.
    """
    left = {name for name in others if name is not None}
    return {name: "numeric" for name in columns if name not in left}


def fit_pixels(features: pl.DataFrame) -> tuple[ColumnTransformer, np.ndarray]:
    """Brightness on one scale: all columns together get mean 0 and variance 1, by what (N, D) training rows hold.

    Each column for itself would make noise of a pixel that is nearly always dark. A missing value becomes 0.

    Raises:
        DataError: if a column does not hold numbers.
    """
    import polars as pl
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    values = _numbers(features)
    imputer = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
    steps = Pipeline([("scale", StandardScaler()), ("fill", imputer)])
    known = values[np.isfinite(values)]
    mean, deviation = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    # two rows with this mean and deviation in every column, from which the scaler learns just these
    rows = np.full((2, features.width), mean) + deviation * np.array([[-1.0], [1.0]])
    transformer = ColumnTransformer([("pixel", steps, features.columns)])
    transformer.fit(pl.DataFrame(rows, schema=features.columns))
    return transformer, np.asarray(transformer.transform(features), dtype=float)


def fit_tokens(features: pl.DataFrame) -> tuple[ColumnTransformer, np.ndarray]:
    """Ids of tokens as codes 1, 2, ... in the order of the ids, the same in all columns, by (N, D) training rows.

    `PADDING` and a missing id become 0, and `UNKNOWN` what fewer than two of the training rows have.

    Raises:
        DataError: if an id is no whole number from 0 on.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    check_tokens(features)
    ids = np.nan_to_num(_numbers(features), nan=float(PADDING))
    ordered = np.sort(ids, axis=1)
    first = np.ones(ids.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    tokens, rows = np.unique(ordered[first], return_counts=True)
    known = (tokens != PADDING) & (rows >= FEWEST_ROWS)
    tokens = tokens[known][np.argsort(-rows[known], kind="stable")][:MOST_TOKENS]
    categories = np.concatenate([[float(PADDING)], np.sort(tokens)])
    imputer = SimpleImputer(strategy="constant", fill_value=float(PADDING), keep_empty_features=True)
    encoder = OrdinalEncoder(
        categories=[categories] * features.width, handle_unknown="use_encoded_value", unknown_value=UNKNOWN
    )
    steps = Pipeline([("fill", imputer), ("code", encoder)])
    transformer = ColumnTransformer([("token", steps, features.columns)])
    matrix = np.asarray(transformer.fit_transform(features), dtype=float)
    fitted: Any = transformer.named_transformers_["token"].named_steps["code"]
    fitted.categories = fitted.categories_ = [categories] * features.width  # one array, which a file then holds once
    return transformer, matrix


def known_tokens(transformer: Any) -> int:
    """How many tokens a transformer of `fit_tokens` knows, without the padding; 0 for any other."""
    steps = getattr(transformer, "named_transformers_", {}).get("token")
    return 0 if steps is None else len(steps.named_steps["code"].categories_[0]) - 1


def check_tokens(features: pl.DataFrame) -> None:
    """Refuse what is no id of a token.

    Raises:
        DataError: with the column, the row and the value.
    """
    values = _numbers(features)
    wrong = np.isfinite(values) & ((values < 0) | (values != np.floor(values)))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"column '{features.columns[column]}' holds {values[row, column]:g} in row {row + 1}, which is no id of a "
            f"token; ids are 1, 2, ... and {PADDING} is padding, as is an empty cell"
        )


def _numbers(features: pl.DataFrame) -> np.ndarray:
    """The frame as a matrix (N, D) with NaN where a value is missing.

    Raises:
        DataError: if a column holds no numbers.
    """
    for series in features:
        if not series.dtype.is_numeric():
            raise DataError(
                f"column '{series.name}' is no column of numbers, and every column is a place in an image or a "
                f'sequence here; leave it out with {series.name} = "drop" in [data.columns]'
            )
    return features.to_numpy().astype(float)
