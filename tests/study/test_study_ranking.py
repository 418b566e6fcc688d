"""The best trial, found in columns, is the first of the ranking."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import RequestError
from holdfast.study.ranking import best_of, ranking

VALUES = st.sampled_from([0.0, 1.0, 2.0, -1.0, math.nan, math.inf])
ENDS = st.tuples(
    VALUES, st.sampled_from([10.0, 50.0, 60.0, None]), st.sampled_from([None, "failed", "stopped", "paused"])
)


@settings(deadline=None, max_examples=40)
@given(st.lists(ENDS, max_size=12), st.booleans(), st.booleans(), st.sampled_from(["minimize", "maximize"]))
def test_the_best_is_the_first_of_the_ranking(
    ends: list[tuple[float, float | None, str | None]], bound: bool, amended: bool, direction: str
) -> None:
    constraints = {"ms": "<= 50"} if bound else {}
    space = {"x": holdfast.Float(0, 1)}
    study = holdfast.Study(space, direction=direction, strategy="random", constraints=constraints)  # type: ignore[arg-type]
    for number, (value, ms, state) in enumerate(ends):
        trial = study.ask()
        if number % 2:
            trial.report(value, 1)
        metrics = {"value": value} if ms is None else {"value": value, "ms": ms}
        study.tell(trial, None if state == "failed" else metrics, state=state)
    if amended:
        study.amend({"x": holdfast.Float(0.2, 0.8)}, why="narrower")
    ranked = ranking(study.book.state)
    try:
        best = best_of(study.book.state)
    except RequestError:
        assert not ranked
    else:
        assert best == ranked[0]
