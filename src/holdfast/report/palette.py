"""The colours of pages and pictures, for light and for dark paper.

They are those of Okabe and Ito (2008), which colour-blind people can tell apart, darkened until each stands out from
white paper by 3 to 1 (WCAG 2.1, criterion 1.4.11). A picture names the light ones; a page in the dark exchanges them by
`DARK`. Text and axes are drawn in ``currentColor``, the colour of the text around the picture.
"""

from __future__ import annotations

INK = "currentColor"
PAPER = "#ffffff"
BLUE, VERMILION, GREEN = "#0072b2", "#c75300", "#00805c"
PURPLE, OCHRE, GREY = "#7f56b3", "#a06a00", "#868e97"

DARK: dict[str, str] = {
    PAPER: "#14181d",
    BLUE: "#4ba3dc",
    VERMILION: "#ff8533",
    GREEN: "#2cc798",
    PURPLE: "#b592e6",
    OCHRE: "#e0a63c",
    GREY: "#78818b",
}
"""What each colour becomes on dark paper."""


def dark_rules(scope: str) -> str:
    """CSS that exchanges the colours of the pictures within ``scope``."""
    lines = []
    for light, dark in DARK.items():
        lines += [f'{scope} [{part}="{light}"] {{ {part}: {dark}; }}' for part in ("fill", "stroke")]
    return "\n".join(lines)
