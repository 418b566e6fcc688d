"""Which strategy suits a plan, in words: by its hyperparameters, its trials, and what one takes."""

from __future__ import annotations

from holdfast.evaluate.metrics import says_direction
from holdfast.facts.numbers import duration
from holdfast.protocol.preview import Preview, affordable
from holdfast.protocol.read import PlanFile
from holdfast.search.registry import traits_named
from holdfast.train.factory import load_factory

FEW = 3
"""Up to so many hyperparameters a grid still covers them evenly."""

CHEAP = 10.0
"""Seconds up to which a trial is cheap: a thousand of them take an afternoon."""

EXPENSIVE = 60.0
"""Seconds from which on a trial is worth thinking over."""

MANY = 50
"""From so many trials on, chance alone wastes too many."""

PARTLY = "poor trials partly, which is cheap; their row scores are partial, so fewer trials enter the correction"
WAYS = {
    "pbt": (
        "a population to the end and changes its hyperparameters on the way, which takes trials for clones: three "
        "times as many as members, or more"
    )
}
"""What is said of a strategy that pauses."""


def advice(found: Preview) -> list[str]:
    """What would propose and why, and what else suits so many trials."""
    asked = found.file.plan.search.strategy
    chosen = found.strategy if asked != "auto" else f"auto takes {found.why}"
    return [f"strategy: {chosen}", _suits(found)]


def taken_direction(file: PlanFile) -> str:
    """That a metric of one's own is taken to be better if higher, where it does not say so; empty where it does."""
    name = file.plan.metric.name
    if name is None or ":" not in name or says_direction(load_factory(name, file.base)):
        return ""
    function = name.partition(":")[2]
    return (
        f"the metric '{name}' does not say which way is better, and is taken to be better the higher it is; if it is a "
        f"loss, write {function}.greater_is_better = False below the function (= True keeps it, without this line)"
    )


def _suits(found: Preview) -> str:
    trials = int(min([found.shape.trials, *affordable(found).values()]))
    searched = sum((domain.cells or 2) > 1 for domain in found.space.domains.values())
    seconds = found.seconds_of_trial
    price = "nobody has timed a trial" if seconds is None else f"a trial takes {duration(seconds)}"
    start = f"for {trials:,} trials of {searched} hyperparameter{'' if searched == 1 else 's'}, where {price}: "
    points = found.space.count()
    if points is not None and points <= trials:
        return f"{start}a grid covers all {points:,} configurations"
    if traits_named(found.strategy).pauses:
        return f"{start}{found.strategy} trains {WAYS.get(found.strategy, PARTLY)}"
    expensive = seconds is not None and seconds >= EXPENSIVE
    if found.stepwise and (expensive or trials > MANY):
        return (
            f"{start}asha (of the family of Hyperband), since partial training is cheap here and poor trials can stop "
            "early; their row scores are partial, so fewer trials enter the correction"
        )
    if expensive:
        return f"{start}gp (Bayesian), since each trial is dear and a model of the score makes the most of it"
    if searched <= FEW and (seconds is None or seconds < CHEAP):
        return f"{start}grid, which covers two or three hyperparameters evenly, or gp for a finer search"
    if trials <= MANY:
        return (
            f"{start}random or sobol are a sound baseline for 20 to 50 trials, and gp usually finds as good a "
            "configuration in fewer"
        )
    return f"{start}gp (Bayesian), since a model of the score learns from so many trials"
