"""Specifications of Vega-Lite as pictures: drawn without a browser, and the script that draws them on a page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from holdfast.facts.blocks import Figure
from holdfast.report.charts import sized
from holdfast.report.palette import INK, PAPER

FILE_INK = "#1c2128"
"""What ``currentColor`` is in a file, which has no text around it."""

PIXELS = 2.0
"""Pixels of a PNG to a pixel of the page."""


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
