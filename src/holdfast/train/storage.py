"""A fitted model in a folder: `model.skops`, or `model.safetensors` and `preprocessor.skops`; and `config.json`.

Loading runs no code from the files: skops builds only types of a stated list, safetensors holds only tensors.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.durable import make_folder, write_whole
from holdfast.errors import RequestError
from holdfast.optional import need
from holdfast.records import canonical_json
from holdfast.train.models.factory import FactoryArchitecture
from holdfast.train.networks import NetworkEstimator

FORMAT = 1
"""The version of the folder's layout; a higher one is refused."""

CONFIG_FILE = "config.json"
SKOPS_FILE = "model.skops"
TENSOR_FILE = "model.safetensors"
PREPROCESSOR_FILE = "preprocessor.skops"

_LOSS = "sklearn._loss.loss."
_LINK = "sklearn._loss.link."
_BOOSTING = "sklearn.ensemble._hist_gradient_boosting."

ALLOWED_TYPES = frozenset(
    {
        "numpy.dtype",
        "functools.partial",
        "sklearn.utils.validation.check_array",
        "sklearn.tree._tree.Tree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        _BOOSTING + "binning._BinMapper",
        _BOOSTING + "predictor.TreePredictor",
        _LOSS + "HalfBinomialLoss",
        _LOSS + "HalfMultinomialLoss",
        _LOSS + "HalfSquaredError",
        _LOSS + "AbsoluteError",
        _LOSS + "HalfPoissonLoss",
        _LOSS + "HalfGammaLoss",
        _LOSS + "PinballLoss",
        _LINK + "HalfLogitLink",
        _LINK + "IdentityLink",
        _LINK + "Interval",
        _LINK + "LogitLink",
        _LINK + "LogLink",
        _LINK + "MultinomialLogit",
    }
)
"""What a file may build beside the estimators of scikit-learn and the types of numpy and scipy that skops knows."""


class UntrustedTypeError(RequestError):
    """A model file would build types that are not allowed without being named as trusted."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A fitted model with its preprocessor, whatever its family.

    Args:
        model: has ``predict`` and perhaps ``predict_proba``.
        preprocessor: has ``transform``; None where the model takes the features as they are.
        meta: the JSON values that were saved beside it.
    """

    model: Any
    preprocessor: Any
    meta: Mapping[str, Any]

    @property
    def classes_(self) -> np.ndarray | None:
        """The classes in the order of `predict_proba`, shape (k,); None where the model has none."""
        return getattr(self.model, "classes_", None)

    def predict(self, features: Any) -> np.ndarray:
        """A class, value or cluster for each row of a table of features; shape (n,)."""
        return np.asarray(self.model.predict(self._prepared(features)))

    def predict_proba(self, features: Any) -> np.ndarray:
        """The probability of each class for each row, shape (n, k).

        Raises:
            RequestError: if the model has no probabilities.
        """
        if not hasattr(self.model, "predict_proba"):
            raise RequestError(f"the model {type(self.model).__name__} has no class probabilities; use predict")
        return np.asarray(self.model.predict_proba(self._prepared(features)))

    def _prepared(self, features: Any) -> Any:
        """The features as the model takes them."""
        return features if self.preprocessor is None else self.preprocessor.transform(features)


def save_model(folder: Path, model: Any, preprocessor: Any, meta: Mapping[str, Any]) -> None:
    """Write a fitted model into ``folder``, which is made if need be; it is on disk when this returns.

    Args:
        folder: where to.
        model: a fitted scikit-learn estimator, or `NetworkEstimator`.
        preprocessor: a fitted scikit-learn transformer, or None.
        meta: JSON values to keep beside it.

    Raises:
        RequestError: if the model holds something that cannot be saved without pickles.
    """
    make_folder(folder)
    if isinstance(model, NetworkEstimator):
        kind = "network"
        write_whole(folder / TENSOR_FILE, model.trained.to_bytes())
        _dump(folder / PREPROCESSOR_FILE, preprocessor)
    else:
        from sklearn.pipeline import Pipeline

        kind = "pipeline"
        steps = [("preprocessor", "passthrough" if preprocessor is None else preprocessor), ("model", model)]
        _dump(folder / SKOPS_FILE, Pipeline(steps))
    text = canonical_json({"format": FORMAT, "kind": kind, "meta": dict(meta)})
    write_whole(folder / CONFIG_FILE, text.encode())


def saved_bytes(model: Any, preprocessor: Any) -> int | None:
    """What `save_model` would write of a model, in bytes; None for one that it cannot save."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            save_model(Path(folder), model, preprocessor, {})
        except RequestError:
            return None
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def load_model(folder: Path, *, trust: Sequence[str] = ()) -> LoadedModel:
    """The model that `save_model` wrote.

    Args:
        folder: where from.
        trust: full names of further types (``my_models.Forest``) that the file may build, and the factory
            (``my_models:network``) of a network of one's own; their modules are imported.

    Raises:
        RequestError: if the folder holds no model, one of a later format, or one with types that are not allowed.
    """
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        found, kind, meta = config["format"], config["kind"], config["meta"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise RequestError(f"{folder} holds no saved model: {CONFIG_FILE} is missing or cannot be read") from exc
    if found != FORMAT:
        raise RequestError(f"the model in {folder} has format {found}; this version of holdfast reads {FORMAT}")
    if kind == "network":
        need("torch", "torch", "a network")
        from holdfast.train.trained import TrainedNetwork

        network = TrainedNetwork.from_bytes(_read(folder / TENSOR_FILE))
        foreign = network.architecture.reference if isinstance(network.architecture, FactoryArchitecture) else None
        if foreign is not None and foreign not in trust:
            raise UntrustedTypeError(
                f"{folder / TENSOR_FILE} is a network that {foreign} makes, which is not called without being named as "
                "trusted"
            )
        return LoadedModel(network, _load(folder / PREPROCESSOR_FILE, trust), meta)
    pipeline = _load(folder / SKOPS_FILE, trust)
    preprocessor, model = (step for _, step in pipeline.steps)
    return LoadedModel(model, None if preprocessor == "passthrough" else preprocessor, meta)


def _dump(path: Path, value: Any) -> None:
    """Write a value in skops' format."""
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    try:
        data = skops.io.dumps(value)
    except UnsupportedTypeException as exc:
        raise RequestError(f"the model cannot be saved without pickles: {' '.join(str(exc).split())}") from exc
    write_whole(path, data)


def _load(path: Path, trust: Sequence[str]) -> Any:
    """Read a value in skops' format, of allowed types only."""
    import zipfile

    import skops.io

    data = _read(path)
    try:
        unknown = skops.io.get_untrusted_types(data=data)
    except (zipfile.BadZipFile, ValueError, KeyError) as exc:
        raise RequestError(f"{path} is no file in the format of skops") from exc
    refused = [t for t in unknown if t not in ALLOWED_TYPES and t not in trust]
    if refused:
        raise UntrustedTypeError(
            f"{path} would build {', '.join(refused)}, which is not allowed without being named as trusted"
        )
    return skops.io.loads(data, trusted=unknown)


def _read(path: Path) -> bytes:
    """The bytes of a file."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise RequestError(f"{path} cannot be read; the saved model is not complete") from exc
