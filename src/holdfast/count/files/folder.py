"""A folder with a model: one that holdfast saved, a checkpoint as Hugging Face keeps it, or one file that is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from holdfast.count.configs import from_config
from holdfast.count.files import gguf, onnx, safetensors, skops
from holdfast.count.files.bounded import opened, parsed_object, word
from holdfast.count.files.recognise import READ, recognised
from holdfast.count.records import Hyperparameter, Inspection
from holdfast.count.settings import Settings
from holdfast.errors import RequestError

CONFIG = "config.json"
SAVED_FORMAT = 1

LARGEST_CONFIG = 4_000_000
"""Bytes of a configuration."""

MOST_FILES = 10_000
"""Files of a folder that are looked at."""


def read_config(path: Path, target: str) -> Inspection:
    """The model that a configuration describes; that of the folder for one that holdfast saved.

    Raises:
        RequestError: if it is no JSON, or describes nothing that is known.
    """
    config = config_of(path)
    if is_saved(config):
        return read_saved(path.parent, config, target)
    return from_config(config, target, path.name)


def config_of(path: Path) -> dict[str, Any]:
    """A configuration."""
    with opened(path) as source:
        if source.size > LARGEST_CONFIG:
            raise RequestError(f"{path} has {source.size:,} bytes; a configuration has less than {LARGEST_CONFIG:,}")
        return parsed_object(source.read(source.size, "the file"), source.name, "it")


def is_saved(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is that of a model which holdfast saved."""
    return {"format", "kind", "meta"} <= config.keys() and isinstance(config["meta"], dict)


def read_folder(folder: Path, target: str) -> Inspection:
    """The model in a folder.

    Raises:
        RequestError: if it holds none, or more than one.
    """
    names = _names(folder)
    config = config_of(folder / CONFIG) if CONFIG in names else None
    if config is not None and is_saved(config):
        return read_saved(folder, config, target)
    weights = _weights(folder, names, target)
    if weights is None and config is not None:
        return from_config(config, target)
    if weights is None:
        raise _nothing(folder, names)
    return weights if config is None else described(weights, config)


def described(weights: Inspection, config: Mapping[str, Any]) -> Inspection:
    """What the weights of a model hold, with the hyperparameters and the work that its configuration tells of."""
    try:
        made = from_config(config, weights.target)
    except RequestError as exc:  # the files tell the parameters all the same
        chosen = Settings(config, {}, weights.target, CONFIG).hyperparameters()
        said = f"Its {CONFIG} was read for hyperparameters only: {str(exc).partition(';')[0]}."
        return replace(weights, hyperparameters=chosen, notes=(*weights.notes, said))
    notes = list(weights.notes)
    if made.parameters != weights.parameters:
        notes.append(
            f"The files hold {weights.parameters:,} parameters, and a model of its {CONFIG} has {made.parameters:,}."
        )
    return replace(weights, hyperparameters=made.hyperparameters, work=made.work, notes=tuple(notes))


def read_saved(folder: Path, config: Mapping[str, Any], target: str) -> Inspection:
    """A model that holdfast saved: its configuration beside what it learned.

    Raises:
        RequestError: if it is of a later format, or not complete.
    """
    if config["format"] != SAVED_FORMAT:
        raise RequestError(
            f"the model in {folder} has format {word(config['format'])}; this version of holdfast reads {SAVED_FORMAT}"
        )
    network = config["kind"] == "network"
    path = folder / ("model.safetensors" if network else "model.skops")
    if not path.is_file():
        raise RequestError(f"{folder} should hold {path.name} beside its {CONFIG}, and does not")
    found = safetensors.read_file(path, target) if network else skops.read_file(path, target)
    before = folder / "preprocessor.skops"
    if network and before.is_file():
        prepared = skops.read_file(before, target)
        layers = [replace(layer, name=f"preprocessor.{layer.name}") for layer in prepared.layers]
        found = replace(found, layers=(*layers, *found.layers))
    return replace(found, kind="model that holdfast saved", hyperparameters=_chosen(config["meta"], found, path.name))


def _chosen(meta: Mapping[str, Any], found: Inspection, name: str) -> tuple[Hyperparameter, ...]:
    """The configuration of the winner, and what else the model was made with."""
    config = meta.get("config")
    chosen: dict[str, Any] = {"family": str(meta.get("family", ""))[:100]} if "family" in meta else {}
    chosen |= config if isinstance(config, dict) else {}
    if isinstance(meta.get("epochs"), int):
        chosen["epochs"] = meta["epochs"]
    others = [
        (item.name.removeprefix("model__"), item.value) for item in found.hyperparameters if "model__" in item.name
    ]
    return (
        *(Hyperparameter(key, value, recorded_in=CONFIG) for key, value in chosen.items()),
        *(Hyperparameter(key, value, recorded_in=name) for key, value in others if key not in chosen),
    )


def _names(folder: Path) -> set[str]:
    """The names in a folder."""
    try:
        names: set[str] = set()
        for path in folder.iterdir():
            names.add(path.name)
            if len(names) > MOST_FILES:
                raise RequestError(f"{folder} holds more than {MOST_FILES:,} files; name the one with the model")
    except OSError as exc:
        raise RequestError(f"{folder} cannot be read: {exc.strerror or exc}") from exc
    return names


def _weights(folder: Path, names: set[str], target: str) -> Inspection | None:
    """What the files with weights in a folder hold; None where there are none."""
    index = sorted(name for name in names if name.endswith(safetensors.INDEX))
    if len(index) == 1:
        return safetensors.read_index(folder / index[0], target)
    tensors = sorted(name for name in names if name.endswith(".safetensors"))
    if len(tensors) == 1 and safetensors.PART.fullmatch(tensors[0]) is None:
        return safetensors.read_file(folder / tensors[0], target)
    if tensors:
        return safetensors.read_parts(_parts(folder, tensors), target)
    readers: dict[str, Callable[[Path, str], Inspection]] = {
        ".onnx": onnx.read_file,
        ".skops": skops.read_file,
        ".gguf": gguf.read_file,
    }
    found = sorted(name for name in names if Path(name).suffix in readers)
    if len(found) > 1:
        raise RequestError(f"{folder} holds {len(found):,} models ({', '.join(found[:3])}): name one of them")
    return readers[Path(found[0]).suffix](folder / found[0], target) if found else None


def _parts(folder: Path, names: list[str]) -> list[Path]:
    """Files that are all parts of one model."""
    parts = [safetensors.PART.fullmatch(name) for name in names]
    stems = {(part[1], part[3]) for part in parts if part is not None}
    if None in parts or len(stems) != 1:
        raise RequestError(
            f"{folder} holds {len(names):,} safetensors files ({', '.join(names[:3])}): name one of them"
        )
    ((stem, total),) = stems
    if len(names) != int(total):
        raise RequestError(f"{folder} holds {len(names):,} of the {int(total):,} parts of {stem}; get all of them")
    return [folder / name for name in names]


def _nothing(folder: Path, names: set[str]) -> RequestError:
    """What is said of a folder without a model."""
    pickles = sorted(name for name in names if Path(name).suffix in {".bin", ".pt", ".pth", ".pkl", ".joblib"})
    if pickles:
        return RequestError(
            f"{folder} holds {pickles[0]}, a pickle, which runs code when it is loaded, and no model that is read: "
            "save the model as safetensors or skops"
        )
    inside = sorted(name for name in names if (folder / name).is_dir() and recognised(folder / name / CONFIG))
    hint = f"; {folder / inside[0]} may be meant" if inside else ""
    return RequestError(f"{folder} holds no model{hint}: holdfast reads {READ}")
