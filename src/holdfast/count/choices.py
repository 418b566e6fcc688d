"""What was chosen for a live object: the hyperparameters of estimators, of the layers of a network, of an optimiser."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from holdfast.count.records import UNKNOWN, Hyperparameter

CODE, DEFAULT = "code", "code default"
"""Where the choice of a live object stands: in the code that made it, or in the code of its class."""

_STRUCTURE = "steps transformers transformer_list estimators estimator base_estimator memory"

STRUCTURE = frozenset(_STRUCTURE.split())
"""Parameters of scikit-learn's estimators that hold other estimators, whose own are listed."""

_MACHINERY = "n_jobs verbose verbosity copy copy_X nthread cache_size warm_start pre_dispatch"

MACHINERY = frozenset(_MACHINERY.split())
"""Those that change how the work is done and not what is learned."""

MOST_LISTED = 8
"""Items of a value that is a sequence or a table."""

_LAYER_CHOICES = (
    "p eps momentum affine track_running_stats elementwise_affine stride padding dilation groups padding_mode "
    "num_heads dropout alpha negative_slope approximate padding_idx max_norm bidirectional num_layers"
)

_PLAIN = (bool, int, float, str)

LAYER_CHOICES = frozenset(_LAYER_CHOICES.split())
"""Attributes of torch's layers that are chosen and are no shape of an array."""


def of_estimator(model: Any) -> tuple[Hyperparameter, ...]:
    """Every parameter of a scikit-learn estimator, and of those inside of it, with the default of its class."""
    try:
        given = model.get_params(deep=True)
    except (AttributeError, TypeError):
        return ()
    owners = {"": model, **{name: value for name, value in given.items() if hasattr(value, "get_params")}}
    known = {name: defaults_of(type(owner)) for name, owner in owners.items() if not isinstance(owner, type)}
    found = []
    for name, value in given.items():
        owner, _, key = name.rpartition("__")
        if name in owners or key in MACHINERY or key in STRUCTURE or owner not in known:
            continue
        default = known[owner].get(key, UNKNOWN)
        shown = plain(value)
        source = DEFAULT if default is not UNKNOWN and plain(default) == shown else CODE
        found.append(Hyperparameter(name, shown, UNKNOWN if default is UNKNOWN else plain(default), None, source))
    return tuple(found)


def of_network(model: Any) -> tuple[Hyperparameter, ...]:
    """What one of holdfast's own networks was trained with: its config over the defaults of its family."""
    own = vars(model)
    trained = own.get("_trained") or model
    return network_choices(own.get("network"), own.get("config", {}), trained.architecture)


def network_choices(network: Any, config: Mapping[str, Any], architecture: Any) -> tuple[Hyperparameter, ...]:
    """The shape of a network, and how it is trained.

    Args:
        network: the kind of network, whose ``settings`` are those of training; None for a file, which has its shape.
        config: what was chosen; everything else is a default.
        architecture: a dataclass of the shape.
    """
    shape = dataclasses.fields(architecture)
    default: dict[str, Any] = {each.name: each.default for each in shape if isinstance(each.default, _PLAIN)}
    value = {name: getattr(architecture, name) for name in default}
    if network is not None:
        for into, settings in ((value, network.settings(config)), (default, network.settings({}))):
            into.update({name: getattr(settings, name) for name in settings.__dataclass_fields__})
    known = network is not None
    return tuple(
        Hyperparameter(
            name,
            plain(value[name]),
            plain(default[name]),
            None,
            "file" if not known else "config" if name in config else DEFAULT,
        )
        for name in value
    )


def of_layers(modules: Iterable[tuple[str, Any]]) -> tuple[Hyperparameter, ...]:
    """What can be known of a network's layers: rates of dropout, momentum of norms, strides and the like.

    Args:
        modules: of ``named_modules()``; those that agree on a choice are told together.
    """
    values: dict[str, dict[str, list[tuple[str, Any]]]] = {}
    defaults: dict[str, Mapping[str, Any]] = {}
    for name, module in modules:
        kind = type(module).__name__
        own = vars(module)
        for key in own:
            if key in LAYER_CHOICES:
                value = plain(own[key])
                values.setdefault(f"{kind}.{key}", {}).setdefault(repr(value), []).append((name, value))
                defaults.setdefault(kind, defaults_of(type(module)))
    found = []
    for choice, by_value in values.items():
        kind, _, key = choice.partition(".")
        default = plain(defaults[kind][key]) if key in defaults[kind] else UNKNOWN
        for layers in by_value.values():
            value = layers[0][1]
            label = choice if len(by_value) == 1 else f"{choice} ({_layers([name for name, _ in layers])})"
            agrees = default is not UNKNOWN and as_pair(default, value) == value
            found.append(Hyperparameter(label, value, default, None, DEFAULT if agrees else CODE))
    return tuple(found)


def of_optimizer(optimizer: Any) -> tuple[Hyperparameter, ...]:
    """The choices of a torch optimiser, of its first group of parameters where groups differ."""
    known = defaults_of(type(optimizer))
    groups = getattr(optimizer, "param_groups", None)
    given = groups[0] if isinstance(groups, Sequence) and groups else {}
    name = type(optimizer).__name__
    found = [Hyperparameter("optimizer", name, recorded_in=CODE)]
    for key, value in given.items():
        if key in {"params", "foreach", "capturable", "differentiable", "fused", "maximize", "decoupled_weight_decay"}:
            continue
        default = plain(known[key]) if key in known else UNKNOWN
        agrees = default is not UNKNOWN and default == plain(value)
        found.append(Hyperparameter(f"{name}.{key}", plain(value), default, None, DEFAULT if agrees else CODE))
    return tuple(found)


def defaults_of(made: Callable[..., Any]) -> dict[str, Any]:
    """The defaults of a class by the names of its arguments; those of its bases where it passes arguments on."""
    found: dict[str, Any] = {}
    for base in reversed(getattr(made, "__mro__", (made,))):
        if "__init__" not in vars(base):
            continue
        try:
            arguments = inspect.signature(base.__init__).parameters.values()
        except (TypeError, ValueError):  # built in, and without a signature
            continue
        found.update({each.name: each.default for each in arguments if each.default is not inspect.Parameter.empty})
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it; for what has no such form its name or the name of its class."""
    if isinstance(value, (bool, str, int)) or value is None:
        return value if not isinstance(value, str) or len(value) <= 120 else f"{value[:117]}..."
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if callable(getattr(value, "item", None)):  # a number of numpy, an array or a tensor
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in list(value.items())[:MOST_LISTED]}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value[:MOST_LISTED]]
    return str(getattr(value, "__name__", None) or f"{type(value).__name__}")


def as_pair(default: Any, value: Any) -> Any:
    """A default in the form of a value: torch keeps ``1`` as ``[1, 1]`` for an image."""
    return [default] * len(value) if isinstance(value, list) and not isinstance(default, list) else default


def _layers(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
