"""Curves of regret over trials, for all tasks and for each family."""

from __future__ import annotations

from pathlib import Path

import altair as alt
import numpy as np
from benchmarks.search_parts.tables import OURS, Board
from benchmarks.search_parts.traces import grouped


def draw(found: Board, path: Path) -> None:
    """Write the curves as a picture, PNG or SVG by its name."""
    families = {"all tasks": [scale.task for scale in found.scales], **grouped([scale.task for scale in found.scales])}
    names = list(found.regrets)
    rows = []
    for family, tasks in families.items():
        members = {task.name for task in tasks}
        columns = [i for i, scale in enumerate(found.scales) if scale.task.name in members]
        for tool in names:
            curve = np.mean([found.curve(tool, column) for column in columns], axis=0)
            title = f"{family} ({len(columns)})"
            rows += [
                {"tool": tool, "panel": title, "trials": t + 1, "regret": float(value), "ours": tool.startswith(OURS)}
                for t, value in enumerate(curve)
                if t >= 4
            ]
    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    base = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(clip=True)
        .encode(
            x=alt.X("trials:Q", title="trials"),
            y=alt.Y("regret:Q", title="mean regret (random at 60 = 1)", scale=alt.Scale(domain=[0, 2])),
            color=alt.Color(
                "tool:N", sort=names, scale=alt.Scale(scheme="tableau10" if len(names) <= 10 else "tableau20")
            ),
            strokeWidth=alt.condition("datum.ours", alt.value(3), alt.value(1.3)),
            strokeDash=alt.condition("datum.ours", alt.value([1, 0]), alt.value([4, 2])),
        )
    )
    chart = (
        base.properties(width=260, height=180)
        .facet(facet=alt.Facet("panel:N", sort=panels, title=None), columns=3)
        .configure_axis(labelFontSize=11, titleFontSize=11)
    )
    chart.save(str(path))
