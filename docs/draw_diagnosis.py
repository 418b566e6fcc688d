"""Draw docs/diagnosis.png: three learning rates and too many epochs, by a small network that is really trained.

``python docs/draw_diagnosis.py`` (``--out FILE``) takes some seconds, and says what it drew and what the verdicts are.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import altair as alt
from draw_coin_flips import compressed

from holdfast.analyse.curves import Context, Diagnosis, diagnose
from holdfast.facts.blocks import Figure
from holdfast.report.charts import chart, specification
from holdfast.report.curve_figures import SIDES
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.palette import INK, PAPER
from holdfast.testing.curves import Config, Curve, Rows, Trained, toy_rows, train_network

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT, GAP = 400, 250, 16
"""Of one picture and between two, in pixels."""

RATES = {"too low": 3e-5, "right": 1e-2, "too high": 1.0}
"""Learning rates of SGD on 2,000 rows in five clusters, in batches of 64 for 30 epochs."""

EPOCHS = Config(3e-3, "adam", batch_size=16, width=64, epochs=60)
"""Of a network that learns 150 rows by heart, of which every third has a label drawn at random."""


def pictures() -> list[tuple[str, Curve, Diagnosis]]:
    """A heading, the curve and the verdict for each picture."""
    rows = toy_rows("blobs", 2000, 2000, 0)
    found = []
    for name, rate in RATES.items():
        config = Config(rate, "sgd", batch_size=64, width=12, epochs=30)
        trained = train_network(rows, config, 0)
        said = verdict(trained.loss, trained, config, rows)
        found.append((f"a learning rate of {rate:g}: {name}", trained.loss, said))
    few = toy_rows("blobs", 150, 600, 0, wrong=0.3)
    trained = train_network(few, EPOCHS, 0)
    assert trained.accuracy is not None
    found.append(("too many epochs", trained.accuracy, verdict(trained.accuracy, trained, EPOCHS, few)))
    return found


def verdict(points: Curve, trained: Trained, config: Config, rows: Rows) -> Diagnosis:
    """What a curve and the accuracies at its end say, with the hyperparameters of the configuration."""
    assert trained.accuracy is not None
    named = {name: value for name, value in asdict(config).items() if name not in {"clip", "schedule", "epochs"}}
    loss = points["metric"] == "loss"
    direction = "minimize" if loss else "maximize"
    context = Context("accuracy", named, curve_direction=direction, chance=rows.chance if loss else None)
    train, validation = (trained.accuracy[side][-1] for side in ("train", "validation"))
    return diagnose(train, validation, "maximize", points, 0.01, 1.0 / rows.classes, context=context)


def figure(name: str, points: Curve, said: Diagnosis) -> Figure:
    """One picture: training dashed and validation solid, the verdict below the heading."""
    rows = [
        {"step": step, "value": value, "side": side}
        for side, key in (("training", "train"), ("validation", "validation"))
        for step, value in zip(points["steps"], points[key], strict=True)
    ]
    loss = points["metric"] == "loss"
    scale = alt.Scale(domain=[0, 3.5] if loss else [0.3, 1.0], nice=False)
    color = alt.Scale(domain=list(SIDES), range=[color for color, _ in SIDES.values()])
    dash = alt.Scale(domain=list(SIDES), range=[[5, 3], [1, 0]])
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", offset=2)
    lines = (
        chart(rows)
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            x=alt.X("step:Q", title="epoch", axis=alt.Axis(grid=False, tickCount=5), scale=alt.Scale(nice=False)),
            y=alt.Y("value:Q", title=points["metric"], scale=scale, axis=alt.Axis(tickCount=4)),
            color=alt.Color("side:N", scale=color, legend=legend),
            strokeDash=alt.StrokeDash("side:N", scale=dash, legend=legend),
        )
    )
    layers: list[Any] = [lines]
    if said.since is not None:
        layers.append(chart([{"at": said.since}]).mark_rule(color=INK, strokeDash=[2, 3]).encode(x="at:Q"))
    spec = specification(alt.layer(*layers), HEIGHT, title=name)
    spec["title"] |= {"subtitle": f"verdict: {said.short}", "subtitleColor": INK, "subtitleFontSize": 13}
    return Figure("diagnosis", spec, "", "", WIDTH)


def together(drawn: Sequence[str]) -> str:
    """Four pictures as one, two in a row."""
    sizes = [tuple(float(n) for n in re.findall(r'(?:width|height)="([\d.]+)"', svg)[:2]) for svg in drawn]
    wide, high = (max(size[side] for size in sizes) + GAP for side in (0, 1))
    width, height = 2 * wide - GAP, 2 * high - GAP
    placed = [
        svg.replace("<svg ", f'<svg x="{place % 2 * wide:g}" y="{place // 2 * high:g}" ', 1)
        for place, svg in enumerate(drawn)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}">'
    return f'{head}<rect width="100%" height="100%" fill="{PAPER}"/>{"".join(placed)}</svg>'


def main(arguments: list[str] | None = None) -> None:
    """Train, draw, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "diagnosis.png")
    options = parser.parse_args(arguments)
    found = pictures()
    for name, _, said in found:
        sys.stdout.write(f"{name}: {said.short}. {said.sentence}\n")
    svg = together([draw_svg(figure(*each)) for each in found])
    options.out.write_bytes(compressed(draw_png(svg)))


if __name__ == "__main__":
    main()
