"""Tables of the search benchmark in Markdown, from traces alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.search_parts import scores
from benchmarks.search_parts.scores import BASELINE, Scale
from benchmarks.search_parts.traces import Known, Traces, grouped

AT = (20, 40, 60)
SEEDS = range(10)
OURS = "holdfast-"


@dataclass(frozen=True, eq=False)
class Board:
    """Tools that have run all of the same tasks.

    Attributes:
        scales: of the tasks that count.
        regrets: by tool, for each task (seeds, trials).
    """

    scales: list[Scale]
    regrets: dict[str, list[np.ndarray]]

    def means(self, at: int) -> np.ndarray:
        """(tools, tasks) mean regret over seeds after so many trials."""
        return np.array([[runs[:, at - 1].mean() for runs in by_task] for by_task in self.regrets.values()])

    def curve(self, tool: str, task: int) -> np.ndarray:
        """(trials,) mean regret over seeds."""
        return np.asarray(self.regrets[tool][task].mean(axis=0))


def board(scales: Sequence[Scale], tools: Mapping[str, Traces], trials: int, *, of_test: bool = False) -> Board:
    """All tools on the tasks that each of them has run."""
    kept = [scale for scale in scales if not scale.dropped]
    common = [scale for scale in kept if all(scale.task.name in traces.tasks() for traces in tools.values())]
    found = {
        name: [scores.regrets(scale, traces, trials, SEEDS, of_test=of_test) for scale in common]
        for name, traces in tools.items()
    }
    return Board(common, found)


def alone(name: str) -> bool:
    """Whether these are runs one at a time without a belief."""
    return "@" not in name and "+" not in name


def ran_everything(scales: Sequence[Scale], traces: Mapping[str, Traces]) -> dict[str, Traces]:
    """Those that ran every task that counts."""
    kept = {scale.task.name for scale in scales if not scale.dropped}
    return {name: found for name, found in traces.items() if kept <= found.tasks()}


def pages(tasks: Sequence[Known], traces: Mapping[str, Traces], trials: int) -> Iterator[str]:
    """Every table, as paragraphs of Markdown."""
    single = {name: found for name, found in traces.items() if alone(name)}
    scales = scores.scales(tasks, traces)
    kept = {scale.task.name for scale in scales if not scale.dropped}
    whole = ran_everything(scales, single)
    some = {name: found for name, found in single.items() if name not in whole and len(kept & found.tasks()) >= 5}
    yield from _about(scales, single)
    if kept and whole:
        yield f"### One at a time: all {len(kept)} tasks"
        yield from _ranking(board(scales, whole, trials))
        yield from _families(board(scales, whole, trials))
        yield from _signs(scales, whole, trials)
        yield from _test_regret(tasks, whole, trials)
    if some:
        few = board(scales, {**whole, **some}, trials)
        yield f"### One at a time: the {len(few.scales)} tasks that all tools have run"
        yield from _ranking(few)
    yield from _parallel(scales, traces, trials)
    yield from _beliefs(scales, traces)


def _about(scales: Sequence[Scale], tools: Mapping[str, Traces]) -> Iterator[str]:
    dropped = [f"{scale.task.name} ({scale.dropped})" for scale in scales if scale.dropped]
    yield f"Left out, since random search is within the noise of the best: {', '.join(dropped) or 'none'}."
    rows = []
    for name, found in tools.items():
        counts = [len(found.seeds(task)) for task in found.tasks()]
        versions = ", ".join(f"{package} {version}" for package, version in found.versions.items())
        failures = sorted({task for task, _ in found.errors})
        rows.append(
            [name, versions, len(found.tasks()), f"{min(counts)} to {max(counts)}", ", ".join(failures) or "none"]
        )
    yield markdown(["tool", "versions", "tasks", "seeds", "failed on"], rows)


def _ranking(found: Board) -> Iterator[str]:
    names = list(found.regrets)
    ranks = {at: scores.mean_ranks(found.means(at)) for at in AT}
    rows = []
    for number in np.argsort(ranks[AT[-1]]):
        tool = names[number]
        cells = [tool, *(f"{ranks[at][number]:.2f}" for at in AT)]
        for at in AT:
            mean, low, high = scores.mean_and_interval([runs[:, at - 1] for runs in found.regrets[tool]])
            single = min(len(runs) for runs in found.regrets[tool]) < 2
            cells.append(f"{mean:.3f} (one seed)" if single else f"{mean:.3f} ({low:.3f} to {high:.3f})")
        rows.append(cells)
    yield markdown(["tool", *(f"rank at {at}" for at in AT), *(f"regret at {at}" for at in AT)], rows)
    if len(names) > 2 and len(found.scales) > 1:
        p = ", ".join(f"{scores.friedman(found.means(at)):.1e} at {at}" for at in AT)
        least = scores.nemenyi(len(names), len(found.scales))
        yield f"Friedman's test: p = {p}. Nemenyi: mean ranks differ (5%) from a distance of {least:.2f} on."
    yield from _catching_up(found)


def _catching_up(found: Board) -> Iterator[str]:
    """How many trials each strategy of holdfast needs for what others reach in all of theirs."""
    names = list(found.regrets)
    rivals = [name for name in names if not name.startswith(OURS) and name != BASELINE]
    if not rivals or BASELINE not in names:
        return
    ranks = dict(zip(names, scores.mean_ranks(found.means(AT[-1])), strict=True))
    best = min(rivals, key=lambda name: ranks[name])
    for tool in (name for name in names if name.startswith(OURS)):
        medians = []
        for target in (best, BASELINE):
            needed = [
                scores.trials_until(found.curve(tool, task), float(found.curve(target, task)[AT[-1] - 1]))
                for task in range(len(found.scales))
            ]
            medians.append(float(np.median(needed)))
        yield (
            f"`{tool}` reaches the regret at {AT[-1]} of {best}, the rival with the best mean rank, in {medians[0]:g} "
            f"trials, and random's in {medians[1]:g} (medians over tasks)."
        )


def _families(found: Board) -> Iterator[str]:
    """Mean regret and place in every family after all trials."""
    names = list(found.regrets)
    means = found.means(AT[-1])
    families = grouped([scale.task for scale in found.scales])
    rows = [[tool] for tool in names]
    for family in families:
        columns = [i for i, scale in enumerate(found.scales) if scale.task.family == family]
        of_family = means[:, columns].mean(axis=1)
        for row, value in zip(rows, of_family, strict=True):
            row.append(f"{value:.3f} ({1 + int((of_family < value - 1e-12).sum())})")
    yield f"Mean regret at {AT[-1]} by family, the place among all tools in brackets:"
    yield markdown(["tool", *(f"{family} ({len(group)})" for family, group in families.items())], rows)


def _signs(scales: Sequence[Scale], tools: Mapping[str, Traces], trials: int) -> Iterator[str]:
    """Spaces with categoricals: each strategy of holdfast against each rival, run by run."""
    kept = [s for s in scales if not s.dropped and s.task.kind != "numerical"]
    rows = []
    for tool in (name for name in tools if name.startswith(OURS)):
        for rival in (name for name in tools if not name.startswith(OURS)):
            pairs: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
            for scale in kept:
                name = scale.task.name
                seeds = sorted(set(tools[tool].seeds(name)) & set(tools[rival].seeds(name)) & set(SEEDS))
                for pair, traces in zip(pairs, (tools[tool], tools[rival]), strict=True):
                    of_seeds = [scores.regrets(scale, traces, trials, [seed])[0, -1] for seed in seeds]
                    pair.append(np.array(of_seeds))
            signs = scores.sign_test(*pairs)
            rows.append([tool, rival, signs.won, signs.lost, signs.ties, f"{signs.p:.1e}"])
    if rows:
        yield f"Spaces with categoricals ({len(kept)} tasks), regret at {trials} run by run, sign test:"
        yield markdown(["tool", "against", "won", "lost", "ties", "p"], rows)


def _test_regret(tasks: Sequence[Known], tools: Mapping[str, Traces], trials: int) -> Iterator[str]:
    """The same ranking on what no search saw."""
    found = board(scores.scales(tasks, tools, of_test=True), tools, trials, of_test=True)
    if not found.scales:
        return
    yield f"Test regret of the configuration chosen on validation, on the {len(found.scales)} tasks with a test loss:"
    names, means = list(found.regrets), {at: found.means(at).mean(axis=1) for at in AT}
    order = np.argsort(means[AT[-1]])
    yield markdown(
        ["tool", *(f"test regret at {at}" for at in AT)],
        [[names[i], *(f"{means[at][i]:.3f}" for at in AT)] for i in order],
    )


def _parallel(scales: Sequence[Scale], traces: Mapping[str, Traces], trials: int, begin: int = 40) -> Iterator[str]:
    """What asking eight before telling any costs, in trials of the tool's own."""
    both = [name for name in traces if alone(name) and f"{name}@8" in traces]
    rows = []
    for name in both:
        single, together = traces[name], traces[f"{name}@8"]
        longest = min(len(values) for values in together.values.values())
        pairs = []
        for scale in scales:
            seeds = sorted(set(single.seeds(scale.task.name)) & set(together.seeds(scale.task.name)))
            if not scale.dropped and seeds:
                pairs.append(
                    (scores.regrets(scale, single, trials, seeds), scores.regrets(scale, together, longest, seeds))
                )
        if pairs:
            ends = [
                (ours.mean(axis=0)[begin - 1], *eight.mean(axis=0)[[begin - 1, min(64, longest) - 1]])
                for ours, eight in pairs
            ]
            rows.append([name, len(pairs), *(f"{value:.3f}" for value in np.mean(ends, axis=0)), *_lost(pairs, begin)])
    if rows:
        yield "### Eight at once"
        heads = ["tool", "tasks", f"alone at {begin}", f"eight at {begin}", "eight at 64"]
        yield markdown([*heads, "lost (median)", "lost (mean)", "lost (mean regret)"], rows)
        yield (
            f"Lost: the trials, eight at once, until the tool's own regret at {begin} one at a time, less {begin}: the "
            "median and the mean over tasks, and that of the mean regret over tasks; in brackets 95% by bootstrap of "
            "the seeds within tasks."
        )


def _lost(pairs: Sequence[tuple[np.ndarray, np.ndarray]], begin: int, draws: int = 400) -> list[str]:
    """How many trials are lost, from regrets (seeds, trials) of each task one at a time and eight at once."""

    def lost(tasks: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[float]:
        targets = [alone_.mean(axis=0)[begin - 1] for alone_, _ in tasks]
        curves = [eight.mean(axis=0) for _, eight in tasks]
        most = len(curves[0]) + 1
        each = [min(scores.trials_until(*pair), most) - begin for pair in zip(curves, targets, strict=True)]
        overall = min(scores.trials_until(np.mean(curves, axis=0), float(np.mean(targets))), most) - begin
        return [float(np.median(each)), float(np.mean(each)), overall]

    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        picked = [rng.integers(len(eight), size=len(eight)) for _, eight in pairs]
        drawn.append(lost([(one[i], eight[i]) for (one, eight), i in zip(pairs, picked, strict=True)]))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    bounds = zip(lost(pairs), low, high, strict=True)
    return [f"{value:+.1f} ({least:+.0f} to {most:+.0f})" for value, least, most in bounds]


def _beliefs(scales: Sequence[Scale], traces: Mapping[str, Traces], at: int = 40) -> Iterator[str]:
    """What right priors save and wrong ones cost, against the same strategy without any."""
    rows = []
    for name in (name for name in traces if f"{name}+right" in traces and f"{name}+wrong" in traces):
        for scale in scales:
            three = [traces[name], traces[f"{name}+right"], traces[f"{name}+wrong"]]
            seeds = sorted(set.intersection(*(set(found.seeds(scale.task.name)) for found in three)))
            if not seeds:
                continue
            none, right, wrong = (scores.regrets(scale, found, at, seeds).mean(axis=0) for found in three)
            needed = scores.trials_until(right, none[at - 1])
            cells = [f"{curve[at - 1]:.3f}" for curve in (none, right, wrong)]
            rows.append([name, scale.task.name, len(seeds), *cells, f"{needed:g}", f"{at / needed:.1f}"])
    if rows:
        yield "### Priors"
        heads = [
            "tool",
            "task",
            "seeds",
            f"none at {at}",
            f"right at {at}",
            f"wrong at {at}",
            "trials with right",
            "fewer",
        ]
        yield markdown(heads, rows)
        yield f"Trials with right: until the mean regret that the strategy has without priors at {at}."


def markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table."""
    lines = [list(heads), ["---", *("---:" for _ in heads[1:])], *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
