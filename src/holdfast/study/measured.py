"""What the metric that ranks can be, where that is known."""

from __future__ import annotations

from holdfast.evaluate.ranges import UNBOUNDED, Range, range_named
from holdfast.study.state import StudyState


def metric_range(state: StudyState) -> Range:
    """The range of a plan's metric, by its name and the classes on the log; of a person's own nobody knows."""
    plan, split = state.notes.get("plan.resolved"), state.notes.get("data.split")
    if not plan or ":" in (plan[-1]["plan"].get("metric", {}).get("name") or state.first_metric):
        return UNBOUNDED
    classes = split[-1]["schema"].get("classes") if split else None
    return range_named(state.first_metric, len(classes) if classes else None)
