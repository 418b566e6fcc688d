"""How much each hyperparameter matters, and each pair of them: shares with their intervals, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.analyse.analysis import Importances
from holdfast.analyse.fanova import Share
from holdfast.analyse.interactions import Interaction
from holdfast.facts.blocks import Figure
from holdfast.facts.numbers import count, listed, percent
from holdfast.report.charts import chart, drawn, label, labels, specification, symbols, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import BLUE, OCHRE

MOST = 16
"""Hyperparameters that are drawn."""

MOST_PAIRS = 8

OVER_THE_SPACE, AMONG_THE_BEST = "over the space (fANOVA)", "among the best (PED-ANOVA)"

METHODS: dict[str, tuple[str, str]] = {OVER_THE_SPACE: (BLUE, "circle"), AMONG_THE_BEST: (OCHRE, "diamond")}
"""Each method, its colour and its shape."""

SHORTEST = 10.0
"""Percent that the axis has at least, so that next to nothing looks like it."""

PAIR = " × "

ROW = 34
LONGEST_NAME = 24


def importance_figure(found: Importances, *, adaptive: bool = False) -> Figure:
    """The hyperparameters by their share of the variance, most first; ``adaptive`` if it went by scores on its way."""
    shown = found.hyperparameters[:MOST]
    names = labels([each.name for each in shown], LONGEST_NAME)
    rows = [
        _row(name, method, share)
        for name, each in zip(names, shown, strict=True)
        for method, share in ((OVER_THE_SPACE, each.fanova), (AMONG_THE_BEST, each.pedanova))
        if share is not None
    ]
    seen = [method for method in METHODS if any(row["method"] == method for row in rows)]
    spec = specification(_layers(rows, names, seen), ROW * len(names) + 10, right=16)
    return picture("importance", spec, _caption(found, seen, adaptive), _alternative(found))


def interactions_figure(found: Sequence[Interaction]) -> Figure:
    """The strongest pairs; there has to be one."""
    shown = found[:MOST_PAIRS]
    names = labels(
        [PAIR.join(label(name, LONGEST_NAME) for name in pair.names) for pair in shown], 2 * LONGEST_NAME + 9
    )
    rows = [_row(name, OVER_THE_SPACE, pair.share) for name, pair in zip(names, shown, strict=True)]
    spec = specification(_layers(rows, names, [OVER_THE_SPACE], pairs=True), ROW * len(names) + 10, right=16)
    sure = [pair for pair in found if pair.share.sure]
    text = (
        "What two hyperparameters do together beyond what each does alone, as a part of the variance over the space; "
        f"lines are 95% intervals. Of {count(len(found), 'pair')} {len(sure)} {'is' if len(sure) == 1 else 'are'} "
        "sure to be more than nothing; with few trials these shares come out too small."
    )
    if len(found) > len(shown):
        text += f" The strongest {len(shown)} are drawn."
    strongest = "; ".join(f"{name} {_said(pair.share)}" for name, pair in zip(names, shown, strict=True))
    return picture("interactions", spec, text, f"Pairs of hyperparameters by their share: {strongest}.")


def _row(name: str, method: str, share: Share) -> dict[str, Any]:
    numbers = {"value": share.value, "low": share.low, "high": share.high}
    return {"name": name, "method": method, **{key: drawn(100 * number) for key, number in numbers.items()}}


def _layers(rows: list[dict[str, Any]], names: list[str], seen: list[str], *, pairs: bool = False) -> Any:
    """A line and a point for each row; the names of a pair are below one another."""
    import altair as alt

    end = min(100.0, max(SHORTEST, 1.08 * max(row["high"] for row in rows)))
    scale = alt.Scale(domain=[-0.025 * end, end], nice=False)
    x = alt.X("value:Q", title="share, %", scale=scale, axis=alt.Axis(tickCount=6, labelOverlap=True))
    two_lines: dict[str, Any] = (
        {"labelExpr": f"split(replace(datum.label, '{PAIR}', ' ×\\n'), '\\n')", "labelOffset": -7} if pairs else {}
    )
    axis = alt.Axis(ticks=False, domain=False, grid=False, labelLimit=170, **two_lines)
    y = alt.Y("name:N", title=None, sort=names, axis=axis)
    color, shape = symbols("method", METHODS, seen, columns=1)
    apart = alt.YOffset("method:N", sort=seen, scale=alt.Scale(paddingOuter=0.6)) if len(seen) > 1 else alt.Undefined
    said = tooltip(name="name:N", share="value:Q", low="low:Q", high="high:Q")
    base = chart(rows)
    return alt.layer(
        base.mark_rule(strokeWidth=2, strokeOpacity=0.65).encode(
            y=y, yOffset=apart, x=alt.X("low:Q", scale=scale), x2="high:Q", color=color
        ),
        base.mark_point(filled=True, size=80, opacity=1).encode(
            y=y, yOffset=apart, x=x, color=color, shape=shape, tooltip=said
        ),
    )


def _caption(found: Importances, seen: list[str], adaptive: bool) -> str:
    parts = [found.sentence(label), "Lines are 95% intervals."]
    if AMONG_THE_BEST in seen:
        first = max(found.hyperparameters, key=lambda each: 0.0 if each.pedanova is None else each.pedanova.value)
        parts.append(f"What sets the best trials apart from the others is {label(first.name)} first of all.")
        if adaptive:
            parts.append(
                "A search that goes by scores gathers its late and good trials, so that they share what matters "
                "little, too."
            )
    else:
        parts.append("What sets the best trials apart from the others cannot be told from chance.")
    partly = [each for each in found.hyperparameters if each.active < 1]
    if partly:
        named = listed([f"{label(each.name)} in {percent(round(each.active, 2))}" for each in partly[:3]])
        more = f" and {len(partly) - 3} more in a part" if len(partly) > 3 else ""
        parts.append(f"A hyperparameter counts where it is active: {named}{more} of the space.")
    parts.append(
        f"What one half of the trials teaches explains {found.explained:.0%} of the variance of the other; the rest is "
        "noise, or more than so few trials teach."
    )
    if found.failed:
        parts.append(f"{count(found.failed, 'failed trial')} counted as the worst.")
    return " ".join(parts)


def _alternative(found: Importances) -> str:
    shares = "; ".join(f"{label(each.name)} {_said(each.fanova)}" for each in found.hyperparameters[:MOST])
    return f"Hyperparameters by their share of the variance over the space: {shares}."


def _said(share: Share) -> str:
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"
