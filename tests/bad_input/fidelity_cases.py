"""Partial training that cannot be: fidelities and populations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, Case
else:
    from bench import PLAN, Case


def searched(what: str, text: str) -> Case:
    """A plan with another search, of a family that is trained in epochs."""
    old = '[model]\nfamily = "knn"\n[search]\nstrategy = "random"\ntrials = 2\n'
    assert old in PLAN
    return Case(what, text, {"plan.toml": PLAN.replace(old, f'[model]\nfamily = "mlp"\n{text}\n')})


PARTIAL = [
    searched("An eta of one", '[search]\nstrategy = "hyperband"\ntrials = 9\nfidelity = { max = 9, eta = 1 }'),
    searched("Bounds the wrong way round", '[search]\nstrategy = "bohb"\ntrials = 9\nfidelity = { min = 9, max = 3 }'),
    searched(
        "A population larger than the trials",
        '[search]\nstrategy = "pbt"\ntrials = 10\nsettings = { population = 20 }\nfidelity = { max = 9 }',
    ),
    searched(
        "A population of one",
        '[search]\nstrategy = "pbt"\ntrials = 10\nsettings = { population = 1 }\nfidelity = { max = 9 }',
    ),
    searched(
        "An interval longer than the training",
        '[search]\nstrategy = "pbt"\ntrials = 10\nsettings = { population = 4, interval = 20 }\nfidelity = { max = 9 }',
    ),
]
