"""Draw docs/schedules.png: the learning rate of each schedule over a run, as `holdfast.train.schedules` gives it.

``python docs/draw_schedules.py`` (``--out FILE``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from draw_coin_flips import compressed

from holdfast.facts.blocks import Figure
from holdfast.report.charts import chart, drawn, specification
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.palette import BLUE, GREY
from holdfast.train.schedules import SCHEDULES, learning_rate_at

ROOT = Path(__file__).resolve().parents[1]
WARMUP = 0.1
COLUMNS = 4
ONECYCLE = "onecycle (its own rise)"


def points() -> list[dict[str, Any]]:
    """Rows of ``schedule``, ``progress`` and ``rate``, in parts of the peak; closer than any bend."""
    progress = np.linspace(0.0, 1.0, 601)
    rows = []
    for schedule in SCHEDULES:
        rates = learning_rate_at(schedule, 1.0, progress, WARMUP)
        name = ONECYCLE if schedule == "onecycle" else schedule
        rows += [
            {"schedule": name, "progress": drawn(float(t)), "rate": drawn(float(rate))}
            for t, rate in zip(progress, rates, strict=True)
        ]
    return rows


def figure(rows: list[dict[str, Any]]) -> Figure:
    """One panel a schedule, with a line where the warm-up ends."""
    names = list(dict.fromkeys(row["schedule"] for row in rows))
    axis = {"labelFontSize": 13, "titleFontSize": 13, "grid": False, "values": [0, 0.5, 1]}
    x = alt.X("progress:Q", title=None, axis=alt.Axis(format="%", **axis))
    y = alt.Y("rate:Q", title=None, axis=alt.Axis(format="%", **axis), scale=alt.Scale(domain=[0, 1.05], nice=False))
    panels = []
    for name in names:
        mine = [row for row in rows if row["schedule"] == name]
        layers = [chart(mine).mark_line(color=BLUE, strokeWidth=2.5, clip=True).encode(x=x, y=y)]
        if name != ONECYCLE:
            rule = chart([{"progress": WARMUP}]).mark_rule(color=GREY, strokeDash=[3, 3])
            layers.insert(0, rule.encode(x="progress:Q"))
        title = alt.TitleParams(name, fontSize=15, anchor="start", fontWeight=600)
        panels.append(alt.layer(*layers).properties(width=180, height=120, title=title))
    rows_of = [alt.hconcat(*panels[at : at + COLUMNS], spacing=24) for at in range(0, len(panels), COLUMNS)]
    spec = specification(alt.vconcat(*rows_of, spacing=24), height=0)
    whole = {key: value for key, value in spec.items() if key not in {"height", "autosize"}}  # each panel has its own
    return Figure("schedules", whole, "", "")


def main(arguments: list[str] | None = None) -> None:
    """Draw, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "schedules.png")
    options = parser.parse_args(arguments)
    options.out.write_bytes(compressed(draw_png(draw_svg(figure(points())))))


if __name__ == "__main__":
    main()
