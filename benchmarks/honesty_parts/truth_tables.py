"""Tables in Markdown of what was run on real tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from benchmarks.honesty_parts.ledger import Kept, Sums
from benchmarks.honesty_parts.methods import Z
from benchmarks.honesty_parts.truth import ESTIMATE, OPTUNA, OURS, RANDOMIZED, SAYS, TRUTH

Cells = dict[str, Kept]


def lines(cells: Cells) -> Iterator[str]:
    """What each tool says of its winner, and what the winners are worth."""
    said = [f"{tool} {SAYS[tool]}" for tool in (RANDOMIZED, OPTUNA, OURS)] + [ESTIMATE]
    said = [name for name in said if all(name in kept.methods for kept in cells.values())]
    yield "What is said less the truth of the model that is refitted, and its standard error; above 0 is too much.\n"
    yield f"| cell | repetitions | {' | '.join(said)} | 95% interval covers | width |"
    yield "|---" * (len(said) + 4) + "|"
    for name, kept in cells.items():
        ours = kept.methods[ESTIMATE]
        words = [name, str(ours.repetitions), *(_mean(kept.methods[method]) for method in said)]
        yield f"| {' | '.join([*words, _covered([ours]), f'{ours.relative_width:.2f}'])} |"
    yield "\nThe same in standard errors of as many fresh rows, mean over cells.\n"
    yield f"| cells | {' | '.join(said)} | 95% interval covers | width |"
    yield "|---" * (len(said) + 3) + "|"
    for group, chosen in _groups(cells):
        estimates = [kept.methods[ESTIMATE] for kept in chosen]
        means = [_in_errors([kept.methods[method] for kept in chosen]) for method in said]
        width = np.mean([one.relative_width for one in estimates])
        yield f"| {group} | {' | '.join([*means, _covered(estimates), f'{width:.2f}'])} |"
    yield "\nThe truth of the winner, and how much better ours is than the others', in pairs.\n"
    others = [tool for tool in (RANDOMIZED, OPTUNA) if all(TRUTH + tool in kept.methods for kept in cells.values())]
    yield f"| cell | {OURS} | {' | '.join(f'{OURS} - {tool}' for tool in others)} |"
    yield "|---" * (len(others) + 2) + "|"
    for name, kept in cells.items():
        differences = [_mean(kept.methods[f"{TRUTH}{OURS} - {tool}"]) for tool in others]
        yield f"| {name} | {' | '.join([f'{kept.methods[TRUTH + OURS].bias:.4f}', *differences])} |"
    for tool in others:
        pairs = [(kept.methods[f"{TRUTH}{OURS} - {tool}"], kept.methods[ESTIMATE]) for kept in cells.values()]
        mean = _in_errors([pair for pair, _ in pairs], [one for _, one in pairs])
        yield f"\nOver all cells ours is {mean} standard errors of as many fresh rows better than {tool}'s."


def _groups(cells: Cells) -> Iterator[tuple[str, list[Kept]]]:
    """The cells of each table and number of rows, of each family, and all of them."""
    names = {name: name.split() for name in cells}
    for table, size in dict.fromkeys((table, size) for table, _, size in names.values()):
        yield f"{table} {size}", [cells[name] for name, words in names.items() if (words[0], words[2]) == (table, size)]
    for family in dict.fromkeys(family for _, family, _ in names.values()):
        yield family, [cells[name] for name, words in names.items() if words[1] == family]
    yield "all", list(cells.values())


def _mean(one: Sums) -> str:
    return f"{one.bias:+.4f} ± {one.deviation / math.sqrt(max(one.points - 1, 1)):.4f}"


def _in_errors(sums: Sequence[Sums], scales: Sequence[Sums] | None = None) -> str:
    """The mean over cells in units of a fresh set's standard error; the own standard error is within cells."""
    units = [one.fresh / one.repetitions / (2 * Z) for one in scales or sums]
    means = [one.bias / unit for one, unit in zip(sums, units, strict=True)]
    squares = [(one.deviation / unit) ** 2 / max(one.points - 1, 1) for one, unit in zip(sums, units, strict=True)]
    return f"{np.mean(means):+.2f} ± {math.sqrt(sum(squares)) / len(sums):.2f}"


def _covered(sums: Sequence[Sums]) -> str:
    n = sum(one.intervals for one in sums)
    share = sum(one.covered for one in sums) / n
    return f"{share:.3f} ± {math.sqrt(share * (1 - share) / n):.3f}"
