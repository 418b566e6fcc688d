"""Figures and their sums: what is unknown stays unknown, and lowers the coverage."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.usage import UNKNOWN, Figure, Method, Usage, both, counted, together, total

figures = st.builds(
    Figure,
    st.one_of(st.none(), st.floats(0, 1e9)),
    st.sampled_from(Method),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(0, 3)),
)


@given(figures)
def test_a_figure_survives_its_json(figure: Figure) -> None:
    assert Figure.from_json(figure.to_json()) == figure


def test_a_usage_keeps_what_is_known_and_nothing_else() -> None:
    used = Usage(wall_seconds=counted(2.0), kwh=Figure(1e-6, Method.TDP, 0.5, 0.4))
    assert set(used.to_json()) == {"wall_seconds", "kwh"}
    assert Usage.from_json(used.to_json()) == used
    assert Usage.from_json({}).kwh == UNKNOWN


def test_a_sum_takes_the_weakest_method_and_the_share_that_is_covered() -> None:
    kwh = total([(Figure(3.0, Method.COUNTER, 1.0, 0.05), 30.0), (Figure(1.0, Method.TDP, 1.0, 0.4), 10.0)])
    assert (kwh.value, kwh.method, kwh.coverage) == (4.0, Method.TDP, 1.0)
    assert kwh.uncertainty == pytest.approx((0.15 + 0.4) / 4)
    half = total([(Figure(3.0, Method.COUNTER, 1.0, 0.0), 30.0), (UNKNOWN, 30.0)])
    assert (half.value, half.coverage) == (3.0, 0.5)


def test_a_sum_of_unknowns_is_unknown_and_not_zero() -> None:
    assert total([(UNKNOWN, 1.0), (UNKNOWN, 2.0)]) == UNKNOWN
    assert total([]) == UNKNOWN
    assert together([]).kwh.value is None


@given(st.lists(st.tuples(figures, st.floats(0.001, 100)), min_size=1, max_size=6))
def test_a_sum_is_never_less_covered_than_nothing_nor_more_than_all(parts: list[tuple[Figure, float]]) -> None:
    found = total(parts)
    assert 0.0 <= found.coverage <= 1.0 + 1e-9
    assert (found.value is None) == all(figure.value is None for figure, _ in parts)


def test_peaks_of_memory_are_not_added_up() -> None:
    small, large = Usage(peak_bytes=counted(1e6)), Usage(peak_bytes=counted(5e6))
    assert together([small, large, Usage()]).peak_bytes == counted(5e6)


def test_independent_errors_add_up_in_squares() -> None:
    assert both(0.3, 0.4) == pytest.approx(0.5)
    assert both(None, 0.4) is None
    assert math.isclose(both(0.0, 0.2) or 0.0, 0.2)
