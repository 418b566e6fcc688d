"""The families of networks that take images and tokens, and those that are linear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.train.cnn import CNN, CNN_NETWORK, image_of
from holdfast.train.families import Family
from holdfast.train.gradient import LINEAR_GD, SOFTMAX
from holdfast.train.mlp import MLP
from holdfast.train.networks import NetworkEstimator, resume_training, start_training
from holdfast.train.storage import load_model, save_model
from holdfast.train.task import Task
from holdfast.train.transformer import TRANSFORMER

Table = tuple[np.ndarray, np.ndarray]

IMAGES, SEQUENCES = Task("multiclass", 150, 64, 3), Task("binary", 200, 8, 2, tokens=6)


def stripes(n: int = 150) -> Table:
    """Images of 8 × 8 with a bright row, a bright column, or both crossing, anywhere, in noise."""
    draw = np.random.default_rng(0)
    images, y = 0.5 * draw.normal(size=(n, 8, 8)), np.arange(n) % 3
    for image, kind in zip(images, y, strict=True):
        row, column = draw.integers(0, 8, size=2)
        image[row] += 2.0 * (kind != 1)
        image[:, column] += 2.0 * (kind != 0)
    return images.reshape(n, 64), y


def sequences(n: int = 200) -> Table:
    """Codes 1 to 6 in 3 to 8 places, padded with 0; whether the token 5 is among them."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = np.where(np.arange(8) < draw.integers(3, 9, size=(n, 1)), draw.choice([1, 2, 3, 4, 6], size=(n, 8)), 0)
    X[np.flatnonzero(y), draw.integers(0, 3, size=n // 2)] = 5
    return X.astype(float), y


def score(family: Family, config: Config, task: Task, table: Table, *, epochs: int) -> float:
    """The share of right answers for the last third of the rows."""
    X, y = table
    cut = 2 * len(y) // 3
    model = family.build(config, task, seed=0, epochs=epochs).fit(X[:cut], y[:cut])
    return float(np.mean(model.predict(X[cut:]) == y[cut:]))


def test_convolutions_see_shapes_wherever_they_are() -> None:
    config: Config = {"learning_rate": 1e-2, "batch_size": 16, "dropout": 0.0}
    by_convolutions = score(CNN, {**config, "head": "average"}, IMAGES, stripes(450), epochs=5)
    assert by_convolutions > 0.9
    assert score(MLP, config, IMAGES, stripes(450), epochs=5) < by_convolutions - 0.1


def test_a_transformer_finds_a_token_wherever_it_is() -> None:
    config: Config = {"embedding": 16, "heads": 2, "layers": 1, "learning_rate": 1e-2, "dropout": 0.0}
    assert score(TRANSFORMER, config, SEQUENCES, sequences(), epochs=8) > 0.95


def test_linear_models_by_descent_come_near_to_the_best_ones(digits: Table) -> None:
    from sklearn.linear_model import LinearRegression

    X, _ = digits
    assert score(SOFTMAX, {}, Task("multiclass", 1197, 64, 10), digits, epochs=10) > 0.9
    target = X @ np.linspace(-1, 1, 64) + np.random.default_rng(0).normal(size=len(X))
    model = LINEAR_GD.build({}, Task("regression", len(X), 64), seed=0, epochs=15).fit(X, target)
    best = LinearRegression().fit(X, target).predict(X)
    assert np.mean((model.predict(X) - best) ** 2) < 0.01 * np.var(best)


@pytest.mark.parametrize(
    ("family", "task", "table"),
    [(CNN, IMAGES, stripes()), (TRANSFORMER, SEQUENCES, sequences())],
    ids=["cnn", "tokens"],
)
def test_sampled_configs_pause_resume_and_survive_storage(
    family: Family, task: Task, table: Table, tmp_path: Path
) -> None:
    assert family.network is not None
    space, draw = family.space(task), np.random.default_rng(4)
    for number in range(2):
        config = space.sample(draw)
        straight = start_training(family.network, config, task, *table, seed=number)
        straight.advance(3)
        paused = start_training(family.network, config, task, *table, seed=number)
        paused.advance(1)
        resumed = resume_training(family.network, paused.checkpoint(), *table)
        resumed.advance(3)
        assert straight.checkpoint() == resumed.checkpoint()
        model = NetworkEstimator.of(straight)
        save_model(tmp_path / str(number), model, None, {})
        loaded = load_model(tmp_path / str(number))
        np.testing.assert_array_equal(loaded.predict_proba(table[0]), model.predict_proba(table[0]))


def test_a_checkpoint_keeps_the_means_of_batch_norm() -> None:
    table, config = stripes(60), Config({"norm": "batch", "channels": 4, "batch_size": 16})
    run = start_training(CNN_NETWORK, config, IMAGES, *table, seed=0)
    run.advance(2)
    means = {name: value for name, value in run.trained().weights.items() if name.endswith("running_mean")}
    assert len(means) == 2
    assert all(bool(value.abs().sum() > 0) for value in means.values())
    assert run.checkpoint() == resume_training(CNN_NETWORK, run.checkpoint(), *table).checkpoint()


@pytest.mark.parametrize(
    ("columns", "image", "found"),
    [(64, (), (1, 8, 8)), (3072, (), (3, 32, 32)), (784, (), (1, 28, 28)), (96, (2, 6, 8), (2, 6, 8))],
)
def test_images_are_recognised_by_their_pixels(
    columns: int, image: tuple[int, ...], found: tuple[int, int, int]
) -> None:
    assert image_of(Task("binary", 10, columns, 2, image=image)) == found


def test_rows_that_are_no_images_are_refused() -> None:
    with pytest.raises(RequestError, match=r"61 columns, which are no square image .* say image_shape"):
        CNN.build({}, Task("binary", 10, 61, 2), seed=0)
    with pytest.raises(RequestError, match="3 × 5 × 5 have 75 pixels, but the rows have 64 columns"):
        CNN.build({}, Task("binary", 10, 64, 2, image=(3, 5, 5)), seed=0)
    with pytest.raises(RequestError, match=r"it is \[colours, height, width\]"):
        Task("binary", 10, 64, 2, image=(8, 8))


def test_what_is_done_to_rows_has_to_suit_them() -> None:
    for family, task, wrong in ((TRANSFORMER, SEQUENCES, "noise"), (MLP, IMAGES, "flip"), (CNN, IMAGES, "flop")):
        with pytest.raises(RequestError, match=f"augmentation '{wrong}'"):
            family.build({"augmentation": wrong}, task, seed=0)
    CNN.build({"augmentation": "shift+flip+mixup"}, IMAGES, seed=0)


def test_a_shape_that_cannot_be_is_refused_before_a_fit() -> None:
    with pytest.raises(RequestError, match="'kernel' is 4"):
        CNN.build({"kernel": 4}, IMAGES, seed=0)


@pytest.mark.parametrize("rows", [3, 100, 50_000])
@pytest.mark.parametrize("columns", [16, 64, 3072])
def test_spaces_exist_for_few_and_many_images_of_any_size(rows: int, columns: int) -> None:
    task = Task("multiclass", rows, columns, 3, tokens=9)
    for family in (CNN, TRANSFORMER):
        space = family.space(task)
        family.build(space.default_config(), task, seed=0)
        for number in range(5):
            family.build(space.sample(np.random.default_rng(number)), task, seed=0)
