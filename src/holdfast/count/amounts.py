"""Large numbers in few characters."""

from __future__ import annotations


def amount(number: float) -> str:
    """A number with three figures and a prefix of powers of a thousand.

    >>> amount(0), amount(999), amount(25557032), amount(174.6e9)
    ('0 ', '999 ', '25.6 M', '175 G')
    """
    for prefix in ("", "k", "M", "G", "T", "P"):
        if number < 999.5:
            return f"{number:.3g} {prefix}"
        number /= 1000
    return f"{number:,.0f} E"
