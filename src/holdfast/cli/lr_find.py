"""The command that finds out which learning rates a plan's network can bear."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import RUNS, Json, Plan, Runs
from holdfast.cli.output import aligned, columns, say, show, show_json
from holdfast.errors import RequestError

if TYPE_CHECKING:
    from holdfast.protocol.lr_find import Found
    from holdfast.train.rate_range import RateRange

PICTURES = (".svg", ".png")


def lr_find(
    file: Plan,
    *,
    low: Annotated[float, typer.Option("--low", help="The lowest learning rate of the test.")] = 1e-6,
    high: Annotated[float, typer.Option("--high", help="The highest.")] = 10.0,
    steps: Annotated[int, typer.Option("--steps", help="Updates from the lowest to the highest.")] = 200,
    repeats: Annotated[int, typer.Option("--repeats", help="Tests with other seeds, whose mean is read.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the picture goes; NAME-learning-rate.png otherwise."),
    ] = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Find the learning rates to search, by a range test.

    A network at the defaults of the plan's space is trained for some 200 updates while its learning rate rises, on the
    rows that the first trial would learn from. Where the loss is lowest, the rate is about as high as it can be. Each
    optimizer of the space is tested. No log is written and no score is taken; with --json there is a picture only if
    --out names one.
    """
    from holdfast.protocol.lr_find import find_learning_rates
    from holdfast.protocol.read import read_plan

    if out is not None and out.suffix.lower() not in PICTURES:
        raise RequestError(f"--out {out}: the picture is written as {' or '.join(PICTURES)}")
    asked = read_plan(file)
    found = find_learning_rates(asked, runs=runs, low=low, high=high, steps=steps, repeats=repeats)
    picture = out or (None if as_json else Path(f"{found.name}-learning-rate.png"))
    if picture is not None:
        _draw(found, picture)
    if as_json:
        show_json(_json(found))
        return
    _print(found)
    say(f"the picture is in {picture}")


def _print(found: Found) -> None:
    from holdfast.facts.numbers import number

    settled = ", ".join(f"{name} {value}" for name, value in found.config.items())
    show(f"study '{found.name}': {found.rows:,} training rows in batches of {found.batch:,}")
    show(aligned([["tested with", settled]], indent="", width=columns(sys.stdout)) + "\n")
    header = ["optimizer", "lowest loss at", "steepest at", "loss explodes at", "begin with", "search"]
    rows = [[name, *_cells(each)] for name, each in found.ranges.items()]
    show(aligned([header, *rows]))
    for name, each in found.ranges.items():
        if each.edge is None:
            show(f"\nwith {name} the loss fell at no rate: look at the model and at the rows, or test other rates")
        elif each.open_end:
            show(f"\nwith {name} the loss still fell at the highest rate, {number(each.rates[-1])}: test with --high")
    if found.suggested is not None:
        low, high = found.suggested
        show("\nin the plan:\n")
        show("  [space]")
        show(f'  learning_rate = {{ type = "float", low = {low:g}, high = {high:g}, log = true }}\n')
        if len(found.ranges) > 1:
            show("It holds the ranges of all optimizers; with one optimizer, its own range is enough.")


def _cells(each: RateRange) -> list[str]:
    from holdfast.facts.numbers import number

    def text(value: float | None) -> str:
        return "-" if value is None else number(value)

    between = "-" if each.suggested is None else " to ".join(map(number, each.suggested))
    return [text(each.edge), text(each.steepest), text(each.exploded), text(each.first), between]


def _json(found: Found) -> dict[str, Any]:
    ranges = {
        name: {
            "edge": each.edge,
            "steepest": each.steepest,
            "exploded": each.exploded,
            "begin_with": each.first,
            "search": each.suggested,
            "open_end": each.open_end,
            "rates": each.rates.tolist(),
            "losses": [loss if math.isfinite(loss) else None for loss in each.losses.tolist()],
        }
        for name, each in found.ranges.items()
    }
    return {
        "name": found.name,
        "config": dict(found.config),
        "rows": found.rows,
        "batch": found.batch,
        "search": found.suggested,
        "optimizers": ranges,
    }


def _draw(found: Found, path: Path) -> None:
    from holdfast.report.figures import draw_png, draw_svg
    from holdfast.report.rate_figure import rate_figure

    svg = draw_svg(rate_figure(found.ranges))
    try:
        if path.suffix.lower() == ".svg":
            path.write_text(svg, encoding="utf-8")
        else:
            path.write_bytes(draw_png(svg))
    except OSError as exc:
        raise RequestError(f"--out {path}: the picture cannot be written ({exc.strerror})") from exc
