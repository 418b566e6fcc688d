"""Vega-Lite specifications as pictures, drawn without a browser and without a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def draw_png(spec: Mapping[str, Any], scale: float = 2.0) -> bytes:
    """A specification as PNG, ``scale`` pixels to the point."""
    import vl_convert

    return vl_convert.vegalite_to_png(dict(spec), scale=scale, allowed_base_urls=[])


def draw_svg(spec: Mapping[str, Any]) -> bytes:
    """A specification as SVG (UTF-8); the same bytes for the same specification."""
    import vl_convert

    return vl_convert.vegalite_to_svg(dict(spec), allowed_base_urls=[]).encode()
