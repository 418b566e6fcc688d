"""Draw docs/coin-flips.png: searches on labels that are coin flips, by examples/coin_flips.py.

``python docs/draw_coin_flips.py`` (``--searches 50``, ``--out FILE``) takes about half a minute, and says what it drew.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from holdfast.facts.blocks import Figure
from holdfast.report.charts import chart, specification
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.palette import GREEN, INK, VERMILION

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"naive": ("naive score, textbook interval", VERMILION), "estimate": ("estimate() of the same search", GREEN)}
LOW, HIGH, GAP = 0.4, 0.74, 0.08
"""The ends of the axis, and the gap between the two halves as a part of one of them."""


def found(searches: int) -> list[dict[str, Any]]:
    """Two rows a search, by the naive score: ``kind``, ``place`` in order, ``value``, ``low``, ``high``, ``holds``."""
    example = runpy.run_path(str(ROOT / "examples" / "coin_flips.py"))
    pairs = []
    for seed in range(searches):
        study = example["search"](seed)
        said, naive = study.estimate(), float(study.best_value)
        pairs.append(((naive, *example["textbook"](naive)), (said.value, said.low, said.high)))
    rows = []
    for place, pair in enumerate(sorted(pairs)):
        for kind, (value, low, high) in zip(KINDS, pair, strict=True):
            holds = bool(low <= 0.5 <= high)
            rows.append({"kind": kind, "place": place, "value": value, "low": low, "high": high, "holds": holds})
    return rows


def figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """The naive scores on the left and the estimates on the right, and a line at one half."""
    n = len(rows) // 2
    shift = {"naive": 0.0, "estimate": n * (1 + GAP)}
    placed = [{**row, "x": row["place"] + shift[row["kind"]]} for row in rows]
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-1, n * (2 + GAP)], nice=False))
    scale = alt.Scale(domain=[LOW, HIGH], nice=False, zero=False)
    axis = alt.Axis(format="%", values=[0.4, 0.5, 0.6, 0.7], grid=False, labelFontSize=16, titleFontSize=16)
    color = alt.Color("kind:N", legend=None, scale=alt.Scale(domain=list(KINDS), range=[c for _, c in KINDS.values()]))
    opacity = alt.condition("datum.holds", alt.value(0.35), alt.value(1))

    def y(field: str) -> Any:
        return alt.Y(f"{field}:Q", title="accuracy of the winner", scale=scale, axis=axis)

    heads = []
    for kind, (words, _) in KINDS.items():
        held = sum(row["holds"] for row in rows if row["kind"] == kind)
        heads += [
            {"kind": kind, "x": shift[kind], "y": HIGH - 0.004, "text": words},
            {"kind": kind, "x": shift[kind], "y": HIGH - 0.027, "text": f"{held} of {n} intervals hold 50%"},
        ]
    said = [
        {"x": 0, "y": 0.412, "text": f"{n} searches, in the order of their naive scores"},
        {"x": 0.3 * n, "y": 0.482, "text": "in truth every model has 50%"},
    ]
    data = chart(placed)
    layers = [
        chart([{"value": 0.5}]).mark_rule(color=INK, strokeWidth=1.6).encode(y=y("value")),
        data.mark_rule(strokeWidth=2).encode(x=x, y=y("low"), y2="high:Q", color=color, opacity=opacity),
        data.mark_point(filled=True, size=26, opacity=1).encode(x=x, y=y("value"), color=color),
        chart(heads[::2])
        .mark_text(align="left", baseline="top", fontSize=17, fontWeight=600)
        .encode(x=x, y=y("y"), text="text:N", color=color),
        chart(heads[1::2])
        .mark_text(align="left", baseline="top", fontSize=16)
        .encode(x=x, y=y("y"), text="text:N", color=color),
        chart(said).mark_text(align="left", fontSize=16, color=INK).encode(x=x, y=y("y"), text="text:N"),
    ]
    spec = specification(alt.layer(*layers), height=340)
    return Figure("coin-flips", spec, "", "")


def compressed(png: bytes) -> bytes:
    """The same picture in about a tenth of the bytes: what vl-convert writes is hardly compressed."""
    parts, pixels, place = [], b"", 8
    while place < len(png):
        size = 12 + int.from_bytes(png[place : place + 4], "big")
        chunk = png[place : place + size]
        pixels += chunk[8:-4] if chunk[4:8] == b"IDAT" else b""
        parts += [chunk] if chunk[4:8] != b"IDAT" else []
        place += size
    data = b"IDAT" + zlib.compress(zlib.decompress(pixels), 9)
    packed = (len(data) - 4).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")
    return b"".join([png[:8], *parts[:-1], packed, parts[-1]])


def main(arguments: list[str] | None = None) -> None:
    """Search, draw, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=50)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "coin-flips.png")
    options = parser.parse_args(arguments)
    rows = found(options.searches)
    for kind in KINDS:
        values = np.array([row["value"] for row in rows if row["kind"] == kind])
        held = sum(row["holds"] for row in rows if row["kind"] == kind)
        ends = f"from {values.min():.3f} to {values.max():.3f}"
        sys.stdout.write(f"{kind}: mean {values.mean():.4f}, {ends}; {held} of {len(values)} intervals hold 50%\n")
    options.out.write_bytes(compressed(draw_png(draw_svg(figure(rows)))))


if __name__ == "__main__":
    main()
