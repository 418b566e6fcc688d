"""Tables in Markdown of what was run."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from benchmarks.honesty_parts import dropped, points, pruned, truth_tables
from benchmarks.honesty_parts.ledger import Kept, Sums
from benchmarks.honesty_parts.methods import DEFAULT

LEVEL = 0.95
WIDTHS = {"fixed": 1.25, "refit": 1.6}
"""What the mean width of the default may be, in units of that from fresh rows."""

Cells = dict[str, Kept]


def under(sums: list[Sums], alpha: float = 0.05) -> int:
    """In how many cells coverage is significantly under 95%: exact binomial tests, by Holm's method."""
    from scipy.special import bdtr

    p = np.sort([float(bdtr(one.covered, one.intervals, LEVEL)) for one in sums])
    rejected = p <= alpha / np.arange(len(p), 0, -1)
    return len(p) if rejected.all() else int(rejected.argmin())


def summary(cells: Cells) -> Iterator[str]:
    """One line per method over all cells."""
    yield "| method | cells | bias, mean, largest | worst cover | mean cover | under 95% (Holm) | width, mean, most |"
    yield "|---|---|---|---|---|---|---|"
    for method in dict.fromkeys(name for kept in cells.values() for name in kept.methods):
        found = [kept.methods[method] for kept in cells.values() if method in kept.methods]
        words = [method, str(len(found)), _biases([one for one in found if one.points])]
        covers = [one for one in found if one.intervals]
        if covers:
            shares = [one.covered / one.intervals for one in covers]
            worst = covers[int(np.argmin(shares))]
            widths = [one.relative_width for one in covers]
            words += [_share(worst), f"{np.mean(shares):.3f}", str(under(covers))]
            words += [f"{np.mean(widths):.2f}, {max(widths):.2f}"]
        else:
            words += ["–"] * 4
        yield f"| {' | '.join(words)} |"


def _biases(sums: list[Sums]) -> str:
    if not sums:
        return "–"
    biases = [one.bias for one in sums]
    return f"{np.mean(biases):+.4f}, {max(biases, key=abs):+.4f}"


def _share(one: Sums) -> str:
    share = one.covered / one.intervals
    return f"{share:.3f} ± {math.sqrt(share * (1 - share) / one.intervals):.3f}"


def by_cell(cells: Cells, naive: str) -> Iterator[str]:
    """One line per cell: the default beside the naive score."""
    yield (
        "| cell | repetitions | naive bias | naive cover | bias | in its deviations | cover | under | over | width |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, kept in cells.items():
        plain, ours = kept.methods[naive], kept.methods[DEFAULT]
        words = [name, str(ours.repetitions), f"{plain.bias:+.4f}", _share(plain), f"{ours.bias:+.4f}"]
        words += [f"{ours.bias / ours.deviation:+.2f}" if ours.deviation else "–", _share(ours)]
        words += [f"{side / ours.intervals:.3f}" for side in (ours.below, ours.above)]
        yield f"| {' | '.join([*words, f'{ours.relative_width:.2f}'])} |"


def verdict(experiment: str, cells: Cells, naive: str) -> Iterator[str]:
    """Whether the default reaches its targets."""
    pairs = {name: (kept.methods[naive], kept.methods[DEFAULT]) for name, kept in cells.items()}
    failing = [name for name, pair in pairs.items() if points.missed(*pair)]
    ours = [one for _, one in pairs.values()]
    yield f"Cells of the default significantly under 95% (Holm): {under(ours)} of {len(ours)}."
    yield (
        "Cells whose bias is over a fifth of the naive one's and over a quarter of the estimate's standard deviation: "
        f"{', '.join(failing) or 'none'}."
    )
    if experiment in WIDTHS:
        width = np.mean([one.relative_width for one in ours])
        yield f"Mean width: {width:.2f}, where at most {WIDTHS[experiment]} is wanted."


def biases(cells: Cells) -> Iterator[str]:
    """Rows N, and for every number of configurations the mean bias of each method."""
    methods = list(dict.fromkeys(name for kept in cells.values() for name in kept.methods))
    rows = {name: tuple(int(part[2:]) for part in name.split()) for name in cells}
    counts = sorted({c for _, c in rows.values()})
    for method in methods:
        yield f"\nBias of {method}:\n"
        yield f"| N | {' | '.join(f'C={c}' for c in counts)} |"
        yield "|---" * (len(counts) + 1) + "|"
        for n in sorted({n for n, _ in rows.values()}):
            found = [cells.get(f"N={n} C={c}") for c in counts]
            words = ["–" if kept is None else f"{kept.methods[method].bias:+.3f}" for kept in found]
            yield f"| {n} | {' | '.join(words)} |"


def cost(cells: Cells, repetitions: int) -> str:
    """What was spent, and what the same cells cost at ``repetitions``."""
    spent = sum(kept.seconds for kept in cells.values())
    each = sum(kept.seconds / len(kept.numbers) for kept in cells.values())
    commits = ", ".join(sorted(set().union(*(kept.commits for kept in cells.values()))))
    return (
        f"{sum(len(kept.numbers) for kept in cells.values())} repetitions, cells: {len(cells)}, commit {commits}; "
        f"{spent / 60:.1f} CPU minutes; {repetitions} repetitions in each of these cells cost "
        f"{each * repetitions / 3600:.1f} CPU hours."
    )


def page(experiment: str, cells: Cells, repetitions: int) -> str:
    """All that is printed of one experiment."""
    lines = [f"## {experiment}", "", cost(cells, repetitions), ""]
    if experiment == "beta":
        return "\n".join([*lines, *biases(cells)])
    if experiment == "truth":
        return "\n".join([*lines, *truth_tables.lines(cells)])
    if experiment == "dropped":
        return "\n".join([*lines, *dropped.lines(cells)])
    if experiment == "pruned":
        return "\n".join([*lines, *pruned.lines(cells)])
    if experiment == "points":
        return "\n".join([*lines, *points.lines(cells)])
    naive = "naive Wald"
    lines += [*summary(cells), "", *by_cell(cells, naive), "", *verdict(experiment, cells, naive)]
    return "\n".join(lines)
