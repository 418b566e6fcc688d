"""Preprocessing that learns from training rows: an unfitted scikit-learn transformer for the features of a schema.

Whoever fits it gives it training rows only; what it learns is saved with the model, as a file of skops. It is made of
classes of scikit-learn and numpy alone, so that such a file can be read without trusting anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.features import feature_names
from holdfast.data.places import fit_pixels, fit_tokens
from holdfast.errors import DataError, nearest

if TYPE_CHECKING:
    import polars as pl
    from sklearn.compose import ColumnTransformer

ColumnStyle = Literal["scaled", "onehot", "ordinal"]
"""Each column in its own way; see `preprocessor`."""

Style = ColumnStyle | Literal["pixels", "tokens"]
"""What a family of models needs; see `fit_preprocessor`."""

RARE = 5
"""A category with fewer training rows than this is taken together with the other rare ones."""

MOST_CATEGORIES = {"scaled": 50, "onehot": 50, "ordinal": 254}
"""The most categories that a column keeps apart; the rest are taken together. Native categories of
scikit-learn's histogram trees end at 255, missing ones included."""

MOST_WORDS = {"scaled": 2048, "onehot": 512, "ordinal": 512}
"""The most words and pairs of words that a column of text is described by."""

WORDS = r"(?u)\w+|[^\w\s]"
"""A word, or a sign of punctuation standing for itself."""


TRUSTED = ("numpy.dtype",)
"""The types, beside those that skops trusts by itself, that a fitted preprocessor is made of."""


def fit_preprocessor(schema: Schema, style: Style, features: pl.DataFrame) -> tuple[ColumnTransformer, np.ndarray]:
    """A transformer fitted on the frame of `to_features`, and what it makes of it: a dense matrix (N, D), float64.

    To the styles of `preprocessor` come two of which every column is a place, in an image or a sequence:

    - ``pixels`` (convolutional networks): see `holdfast.data.places.fit_pixels`;
    - ``tokens`` (transformers): see `holdfast.data.places.fit_tokens`.

    Raises:
        DataError: if the style does not exist, or the columns are not of its kind.
    """
    if style == "pixels":
        return fit_pixels(features)
    if style == "tokens":
        return fit_tokens(features)
    transformer = preprocessor(schema, style)
    return transformer, np.asarray(transformer.fit_transform(features), dtype=float)


def preprocessor(schema: Schema, style: ColumnStyle) -> ColumnTransformer:
    """An unfitted transformer of columns each in its own way, from the frame of `to_features` to (N, D), float64.

    - ``scaled`` (linear models, neighbours, networks): missing numbers become the median, with a column beside that
      marks them, and every number has mean 0 and variance 1; categories become one column each, rare and unknown ones
      together (an unknown one is zero in all columns if there was no rare one).
    - ``onehot`` (forests): the same without scaling.
    - ``ordinal`` (histogram trees): numbers stay as they are, NaN included; categories become codes, unknown ones NaN.
      `categorical_positions` says which columns these are.

    A column of text becomes tf-idf weights (Salton and Buckley 1988, with 1 + log tf and rows of length 1) of the words
    and pairs of words that are most frequent in the training rows.

    Raises:
        DataError: if the style does not exist.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer

    if style not in MOST_WORDS:
        raise DataError(f"there is no preprocessing '{style}'{nearest(style, MOST_WORDS)}; there are {[*MOST_WORDS]}")
    numbers, categories, texts = _by_kind(schema)
    steps: list[tuple[str, object, list[str] | str]] = []
    if numbers:
        steps.append(("number", _for_numbers(style), numbers))
    if categories:
        steps.append(("category", _for_categories(style), categories))
    for i, name in enumerate(texts):
        vectorizer = TfidfVectorizer(
            token_pattern=WORDS, ngram_range=(1, 2), max_features=MOST_WORDS[style], sublinear_tf=True
        )
        steps.append((f"text{i}", vectorizer, name))
    return ColumnTransformer(steps, sparse_threshold=0.0)


def categorical_positions(schema: Schema) -> list[int]:
    """Which columns of the ``ordinal`` matrix are codes of categories: what histogram trees take as categorical."""
    numbers, categories, _ = _by_kind(schema)
    return list(range(len(numbers), len(numbers) + len(categories)))


def _by_kind(schema: Schema) -> tuple[list[str], list[str], list[str]]:
    """The features that are numbers, categories and texts, by name, each in the order of the schema."""
    numbers, categories, texts = [], [], []
    for column in schema.features:
        if column.kind == "categorical":
            categories.append(column.name)
        elif column.kind == "text":
            texts.append(column.name)
        else:
            numbers.extend(feature_names(column))
    return numbers, categories, texts


def _for_numbers(style: ColumnStyle) -> object:
    """What happens to numbers."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if style == "ordinal":
        return "passthrough"
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return imputer if style == "onehot" else make_pipeline(imputer, StandardScaler())


def _for_categories(style: ColumnStyle) -> object:
    """What happens to categories."""
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    most = MOST_CATEGORIES[style]
    if style == "ordinal":
        return OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=RARE, max_categories=most
        )
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE, max_categories=most, sparse_output=False
    )
