"""Which hyperparameters of a configuration push against a fault of its training, which way, and from which values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from holdfast.analyse.ends import can_go_beyond
from holdfast.analyse.rates import RATES
from holdfast.records import Config, Value
from holdfast.space import Categorical, Domain, Space

Kind = Literal[
    "learning rate too low",
    "learning rate too high",
    "diverged",
    "underfitting",
    "overfitting",
    "still improving",
    "balanced",
    "too noisy to tell",
    "unknown",
]
"""What may be said of a trial."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Verb = Literal["raise", "lower", "switch on"]
Role = Literal["rate", "batch", "warmup", "length", "capacity", "penalty"]

ROLES: dict[Role, tuple[str, ...]] = {
    "rate": RATES,
    "batch": ("batch_size", "base_batch", "accumulation"),
    "warmup": ("warmup", "warmup_steps", "warmup_ratio", "warmup_epochs"),
    "length": ("epochs", "n_epochs", "num_epochs", "max_epochs", "max_iter", "n_iter", "num_boost_round", "patience"),
    "capacity": (
        *("width", "depth", "layers", "n_layers", "num_layers", "hidden_size", "hidden_dim", "n_units", "units"),
        *("channels", "blocks", "embedding", "embedding_dim", "ff_ratio", "heads", "kernel_size"),
        *("max_leaf_nodes", "num_leaves", "max_leaves", "max_depth", "max_features", "degree", "C", "gamma"),
    ),
    "penalty": (
        *("dropout", "weight_decay", "l1", "l2", "alpha", "label_smoothing", "noise_scale", "mixup_alpha"),
        *("l2_regularization", "reg_lambda", "reg_alpha", "lambda_l1", "lambda_l2", "min_child_weight"),
        *("min_samples_leaf", "min_samples_split", "min_data_in_leaf", "n_neighbors"),
    ),
}
"""What hyperparameters of the usual names do where they are raised; the stronger ones first."""

PLANS: dict[Kind, tuple[tuple[Role, Verb], ...]] = {
    "learning rate too low": (("rate", "raise"), ("length", "raise")),
    "learning rate too high": (("rate", "lower"), ("batch", "raise"), ("warmup", "raise")),
    "diverged": (("rate", "lower"), ("warmup", "raise")),
    "underfitting": (("capacity", "raise"), ("penalty", "lower"), ("length", "raise")),
    "overfitting": (("penalty", "raise"), ("capacity", "lower"), ("length", "lower")),
    "still improving": (("length", "raise"), ("rate", "raise")),
}
"""What pushes against each fault, in this order."""

TAILS: dict[Kind, str] = {"overfitting": "more data", "underfitting": "better features"}
"""What may help beside the hyperparameters."""

GENERAL: dict[Kind, str] = {
    "learning rate too low": "Try a higher learning rate, or to train longer.",
    "learning rate too high": "Try a lower learning rate, or larger batches.",
    "diverged": "Try a lower learning rate, a longer warm-up, or gradient clipping.",
    "underfitting": "Try a larger model, less regularisation, longer training, or better features.",
    "overfitting": "Try to stop earlier, more regularisation, a smaller model, or more data.",
    "still improving": "Try to train longer, or a higher learning rate.",
}
"""The advice where a configuration has none of these hyperparameters."""

OF_A_ROLE = 2
"""So many hyperparameters of one role are named."""

END = 0.02
"""A value within this part of its range from an end of it is at that end."""


@dataclass(frozen=True)
class Push:
    """One hyperparameter to move.

    Args:
        name: of the hyperparameter.
        value: what the configuration has.
        verb: which way.
        at_end: whether it stands at that end of what is searched, so that the space has to be wider.
    """

    name: str
    value: Value
    verb: Verb
    at_end: bool = False

    def words(self) -> str:
        """The hyperparameter with its value, without the verb."""
        end = f", the {'highest' if self.verb == 'raise' else 'lowest'} that is searched" if self.at_end else ""
        value = self.value if isinstance(self.value, str) or self.value is None else f"{self.value:.4g}"
        return f"{self.name} (now {value}{end})"


def pushes(kind: Kind, config: Config, space: Space | None = None) -> tuple[Push, ...]:
    """The hyperparameters of a configuration that push against a fault, most promising first.

    Of those that do the same, at most two are named, first those that have room in their range. One at the end of what
    is searched is named only if it is a learning rate, or if nothing else is left.
    """
    found = [push for role, verb in PLANS.get(kind, ()) for push in _of_role(role, verb, config, space)]
    if kind == "overfitting":
        found += [Push(name, value, "switch on") for name, value in _switched_off(config)]
    free = [push for push in found if not push.at_end or _plain(push.name) in RATES]
    return tuple(free or found)


def _of_role(role: Role, verb: Verb, config: Config, space: Space | None) -> list[Push]:
    """The hyperparameters of one role that can be moved that way."""
    plain = {_plain(name): name for name in config}
    names = [plain[name] for name in ROLES[role] if name in plain]
    if role == "length" and "n_estimators" in plain and any(rate in plain for rate in RATES):
        names.append(plain["n_estimators"])  # of boosted trees; a forest does not learn for longer with more of them
    moved = []
    for name in names:
        value = config[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or (verb == "lower" and value <= 0):
            continue
        domain = space[name] if space is not None and name in space else None
        room = _room(value, verb, domain)
        if domain is not None and room < END and not can_go_beyond(domain, high=verb == "raise"):
            continue
        moved.append((room, Push(name, value, verb, room < END)))
    moved.sort(key=lambda each: each[1].at_end)
    return [push for _, push in moved[:OF_A_ROLE]]


def _room(value: float, verb: Verb, domain: Domain | None) -> float:
    """The part of a range that is left in the direction of a move; 1 where no range is known."""
    if domain is None or isinstance(domain, Categorical):
        return 1.0
    if value <= domain.low or value >= domain.high:
        return 0.0 if (value <= domain.low) == (verb == "lower") else 1.0
    place = domain.to_unit(value)
    return 1.0 - place if verb == "raise" else place


def _switched_off(config: Config) -> Iterator[tuple[str, Value]]:
    for name, value in config.items():
        if _plain(name) == "augmentation" and value in {"none", None}:
            yield name, value


def _plain(name: str) -> str:
    """The name without the steps of a pipeline before it."""
    return name.rpartition("__")[2]


def advice(kind: Kind, found: tuple[Push, ...]) -> str:
    """What to try, as a sentence; empty where nothing is at fault.

    >>> advice("learning rate too low", (Push("learning_rate", 1e-05, "raise"),))
    'Try to raise learning_rate (now 1e-05).'
    """
    if not found:
        return GENERAL.get(kind, "")
    by_verb: dict[str, list[str]] = {}
    for push in found:
        by_verb.setdefault(push.verb, []).append(push.words())
    parts = [f"to {verb} {' or '.join(words)}" for verb, words in by_verb.items()]
    parts += [TAILS[kind]] if kind in TAILS else []
    return f"Try {parts[0]}." if len(parts) == 1 else f"Try {', '.join(parts[:-1])}, or {parts[-1]}."
