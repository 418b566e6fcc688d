"""Plans are tuned here by the dozen, so their pictures are not drawn; tests of pages and commands draw theirs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.report.results.draw_svg", lambda figure: f"<svg><title>{figure.name}</title></svg>")
    monkeypatch.setattr("holdfast.report.results.draw_png", lambda svg: svg.encode())
