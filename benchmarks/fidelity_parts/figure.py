"""Curves of regret over the epochs paid, for each number of workers and kind of task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from benchmarks.fidelity_parts.tables import CAP, OURS, groups, within
from benchmarks.fidelity_parts.traces import Traces

POINTS = 40


def draw(tasks: Sequence[dict[str, Any]], found: dict[str, Traces], budget: float, measure: str, path: Path) -> None:
    """Write the curves as a picture, PNG or SVG by its name."""
    found = within(found, budget)
    counts = sorted({workers for traces in found.values() for _, _, workers in traces.runs})
    rows = []
    for workers in counts:
        for title, part in groups(tasks).items():
            for name, traces in found.items():
                by_task = [found_runs for task in part if (found_runs := traces.of(task["name"], workers))]
                if len(by_task) < len(part) or not part:
                    continue
                for epochs in np.geomspace(budget / 80, budget, POINTS):
                    means = [np.mean([min(run.at(epochs, measure), CAP) for run in each]) for each in by_task]
                    rows.append(
                        {
                            "tool": name,
                            "workers": f"{workers} worker{'s' if workers > 1 else ''}",
                            "tasks": f"{title} ({len(part)})",
                            "epochs": float(epochs),
                            "regret": float(np.mean(means)),
                            "ours": name.startswith(OURS),
                        }
                    )
    names = sorted(found, key=lambda name: (not name.startswith(OURS), name))
    base = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(clip=True)
        .encode(
            x=alt.X("epochs:Q", title="epochs paid, with waiting", scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("regret:Q", title=f"mean regret of what is {measure}", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("tool:N", sort=names, scale=alt.Scale(scheme="tableau10"), title=None),
            strokeWidth=alt.condition("datum.ours", alt.value(3), alt.value(1.5)),
            strokeDash=alt.condition("datum.ours", alt.value([1, 0]), alt.value([5, 3])),
        )
    )
    panels = list(dict.fromkeys(str(row["tasks"]) for row in rows))
    order = [f"{workers} worker{'s' if workers > 1 else ''}" for workers in counts]
    chart = (
        base.properties(width=250, height=170)
        .facet(
            row=alt.Row("workers:N", sort=order, title=None),
            column=alt.Column("tasks:N", sort=panels, title=None),
        )
        .configure_axis(labelFontSize=11, titleFontSize=11)
        .configure_legend(symbolSize=300, labelFontSize=11)
    )
    chart.save(str(path), scale_factor=1.3)
