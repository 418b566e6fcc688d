from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.analyse.measure import measure
from holdfast.analyse.observed import Observed
from holdfast.analyse.surface import Surface, partial_dependence, predicted_optimum, surface

SPACE = holdfast.Space(
    {
        "x": holdfast.Float(0, 1),
        "y": holdfast.Float(1e-3, 1, log=True),
        "kind": holdfast.Categorical(["a", "b", "c"]),
        "z": holdfast.Float(0, 1, when={"kind": "b"}),
    }
)


def losses_at(units: np.ndarray) -> np.ndarray:
    extra = np.where(np.isnan(units[:, 3]), 0.3, (units[:, 3] - 0.2) ** 2)
    return np.asarray(4 * (units[:, 0] - 0.6) ** 2 + units[:, 1] + extra)


@pytest.fixture(scope="module")
def trials() -> Observed:
    draw = np.random.default_rng(0)
    units = SPACE.snap(draw.random((120, 4)))
    losses = losses_at(units) + 0.02 * draw.normal(size=120)
    return Observed(SPACE, np.arange(120), units, losses, -1.0, 0, 0)


@pytest.fixture(scope="module")
def model(trials: Observed) -> Surface:
    return surface(trials)


def test_the_joint_covariance_has_the_variances_of_single_predictions(model: Surface, trials: Observed) -> None:
    units = SPACE.snap(np.random.default_rng(1).random((30, 4)))
    mean, covariance = model.joint(units)
    alone, variance = model.posterior.predict(model.embed(units))
    assert mean == pytest.approx(model.centre + model.scale * alone)
    assert np.diag(covariance) == pytest.approx(model.scale**2 * variance, rel=1e-5, abs=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8
    twice, of_same = model.joint(units[[0, 0]])
    assert twice[0] == twice[1]
    assert of_same[0, 0] + of_same[1, 1] - 2 * of_same[0, 1] == pytest.approx(0, abs=1e-5)


def test_a_partial_dependence_follows_the_term_of_its_hyperparameter(model: Surface, trials: Observed) -> None:
    found = partial_dependence(model, measure(SPACE), "x", seed=0)
    x, metric = np.array(found.values, dtype=float), np.array(found.metric)
    term = -4 * (x - 0.6) ** 2  # the metric is maximised
    assert metric - metric.mean() == pytest.approx(term - term.mean(), abs=0.1)
    assert all(low < middle < high for low, middle, high in zip(found.low, found.metric, found.high, strict=True))


def test_a_partial_dependence_of_choices_and_of_what_they_switch_on(model: Surface, trials: Observed) -> None:
    space = measure(SPACE)
    kinds = partial_dependence(model, space, "kind", seed=0)
    assert kinds.values == ("a", "b", "c")
    assert int(np.argmax(kinds.metric)) == 1  # with b the extra loss is less
    z = partial_dependence(model, space, "z", seed=0)
    assert 0.05 < float(str(z.values[int(np.argmax(z.metric))])) < 0.4


def test_the_predicted_optimum_is_near_the_true_one(model: Surface, trials: Observed) -> None:
    best = int(np.argmin(trials.losses))
    found = predicted_optimum(model, trials, best)
    config = found.config
    assert config["kind"] == "b"
    assert config["x"] == pytest.approx(0.6, abs=0.1)
    assert config["y"] == pytest.approx(1e-3, rel=0.5)
    assert found.low < found.metric < found.high
    assert found.gain_low <= found.gain <= found.gain_high
    assert found.gain > -1e-6
    assert predicted_optimum(model, trials, best) == found


def test_the_predicted_optimum_is_an_allowed_configuration(trials: Observed) -> None:
    space = holdfast.Space(SPACE.domains, forbid=["kind == 'b'", "y < 0.01"])
    allowed = np.flatnonzero(space.allowed(trials.units))
    rest = Observed(space, allowed, trials.units[allowed], trials.losses[allowed], -1.0, 0, 0)
    found = predicted_optimum(surface(rest), rest, int(allowed[np.argmin(rest.losses)]))
    assert space.allows(found.config)
    assert found.config["x"] == pytest.approx(0.6, abs=0.1)
