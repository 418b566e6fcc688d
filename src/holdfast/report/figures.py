"""Specifications of Vega-Lite as pictures: drawn without a browser, and the script that draws them on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from holdfast.count.limits import MEASURES
from holdfast.facts.blocks import WIDE, Figure
from holdfast.report.charts import sized
from holdfast.report.palette import INK, PAPER

FILE_INK = "#1c2128"
"""What ``currentColor`` is in a file, which has no text around it."""

PIXELS = 2.0
"""Pixels of a PNG to a pixel of the page."""

NAMES: tuple[str, ...] = (
    "ablation",
    "cost",
    r"curve-trial-\d+",
    "history",
    "hyperparameter-.+",
    "importance",
    "interactions",
    r"interaction-\d+",
    "opened-curve",
    "overtuning",
    "parallel",
    "population",
    r"predicted-trial-\d+",
    r"schedule-\d+",
    "scores",
    "training-validation",
    *MEASURES,
)
"""What the pictures of a report may be named, as regular expressions: files of these names are a report's own."""

OWN = re.compile(f"({'|'.join(NAMES)})")


def picture(name: str, spec: Mapping[str, Any], caption: str, alternative: str, width: int = WIDE) -> Figure:
    """A figure of a report (see `Figure`), by a name that a later report knows as its own.

    Raises:
        ValueError: for a name that is not among `NAMES`.
    """
    if not OWN.fullmatch(name):
        raise ValueError(f"a picture is named '{name}', which holdfast.report.figures.NAMES does not have")
    return Figure(name, spec, caption, alternative, width)


def is_picture(file: str) -> bool:
    """Whether a file is named as the pictures of a report are; whatever else lies beside them is somebody else's.

    >>> is_picture("schedule-2.svg"), is_picture("hyperparameter-layers.png"), is_picture("ours.png")
    (True, True, False)
    """
    name, _, kind = file.rpartition(".")
    return kind in {"png", "svg"} and OWN.fullmatch(name) is not None


def draw_svg(figure: Figure) -> str:
    """A figure as SVG on white paper; the same text for the same figure."""
    import vl_convert

    spec = sized(figure.spec, figure.width)
    config = {**spec["config"], "background": PAPER}
    svg = vl_convert.vegalite_to_svg({**spec, "config": config}, allowed_base_urls=[])
    return svg.replace(f'"{INK}"', f'"{FILE_INK}"')


def draw_png(svg: str) -> bytes:
    """What `draw_svg` drew, as PNG."""
    import vl_convert

    return vl_convert.svg_to_png(svg, scale=PIXELS)


@cache
def drawing_script() -> str:
    """The script of a page with figures: vega-embed and all it needs, about 0.9 MB, and the code that calls it.

    It takes more than a second to put together and is the same for all pages, so it is made once in a process.
    """
    import vl_convert

    code = files("holdfast.report").joinpath("templates", "figures.js").read_text(encoding="utf-8")
    return vl_convert.javascript_bundle(code).strip()
