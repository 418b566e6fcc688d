"""The sentences that go with a score: what it is about, how it came about, what it does not cover."""

from __future__ import annotations

from typing import Literal

from holdfast.errors import RequestError
from holdfast.stats.few_groups import Carried

Estimand = Literal["scored", "refit"]

ESTIMANDS = {
    "scored": "the very model that was scored",
    "refit": "the model refitted on all rows but the test rows",
}
"""What a score can be about, in words."""

WINDOWED = "the model refitted on the latest rows before the test rows, as far back as the window of the folds reaches"
"""The refit of a plan whose folds slide along the order of time."""

UNCORRECTED = "uncorrected"
NO_INTERVAL = "no interval: the metric does not come from rows"
EXTREME = "no interval: the metric is the error of one row, the worst"
FEW_CARRY = "few groups carry most of the loss"
UNSEEN = "widened for wrong rows not seen"
TOO_LARGE = "no interval: scores of rows are too large to be squared"
NO_SPREAD = "no interval: the scores do not vary, which says nothing of their spread"
UNDEFINED = "no interval: the metric is undefined on these rows"

RMX = "bootstrap bias correction (BBC) with a reach-limited maxT interval (RMX)"
MAX_T = "bootstrap bias correction (BBC) with a maxT interval over all configurations"
BBC_PERCENTILE = "bootstrap bias correction (BBC) with its percentile interval"
RMX_CEILING = "bootstrap bias correction (BBC) with a reach-limited maxT interval (RMX), widened near the ceiling"
RMX_METRIC = (
    "bootstrap bias correction (BBC) with a reach-limited maxT interval (RMX) of the rows' contributions to the metric"
)
RACED = "correction for all that were begun, with a reach-limited maxT interval (RMX)"
RACED_MAX_T = "correction for all that were begun, with a maxT interval over all of them"

PERCENTILE = "bootstrap percentile interval, expanded as Student's t is"
LOGIT = "Student's t interval on the logit scale from a bootstrap"
LOG = "Student's t interval on the log scale from a bootstrap"
ANY_CHOICE = {MAX_T, RACED_MAX_T}
JEFFREYS = "Jeffreys interval"
STUDENT = "Student's t interval, widened for skewness (Edgeworth)"
CLOPPER_PEARSON = "Clopper-Pearson interval"
CLUSTERED = "interval from cluster-robust variances"

OFTEN_UNDEFINED = 0.05
"""Bootstraps in which a metric is undefined are named with the score where they are more than this share of all."""

MANY = 1_000_000
"""More independent configurations than this are not counted."""

ADAPTIVE = (
    "Configurations were chosen, by a strategy or by hand, after looking at scores on the same rows, and such a search "
    "finds more luck than its trials would have if drawn blindly. The lower bound therefore pays for the luck of "
    "simulated searches, whose trials build on the best so far as these did, and the score for what the search adds to "
    "it (where all have scores of all rows). That is no theorem for every search; the sealed test covers any."
)
ANY_RULE = (
    "The winner given is not the best by this metric on these rows, so that the interval covers any choice among all "
    "configurations (maxT, t_low = inf), and the full optimism of the best one is taken off."
)
ONE_CONFIGURATION = "One configuration was scored, so nothing was selected and the interval is the textbook one."
GROUPED = "Rows of one group go together: groups were resampled, and variances are those of groups."
BLOCKS_OF_ONE = (
    "Rows are in order of time; the winner's row scores are no more alike where they follow each other, so that rows "
    "were resampled one by one."
)
NO_BLOCKS = (
    "Rows are in order of time, but there are too few different times for blocks, and the interval takes the rows as "
    "exchangeable."
)
DEGENERATE = (
    "The scores do not vary, so that an interval would have no width. Equal scores say nothing of how much others may "
    "differ, and there is none."
)
UNSEEN_WHY = (
    "So few rows are confidently wrong that they do not say what such a row costs: each bound is the outer one of two, "
    "the second of which takes rows as right or wrong, and the loss of a wrong one from how sure of the others the "
    "models were."
)


def time_blocks(blocks: int, length: int) -> str:
    """What was resampled in the place of rows in the order of time."""
    return (
        f"Rows that follow each other in time are alike: {blocks:,} blocks of {length:,} or a few more rows were "
        "resampled, and variances are those of blocks."
    )


def weighted_by(method: str, column: str | None) -> str:
    """The method of a score whose rows count by a column, where there is one."""
    return method if column is None else f"{method}; rows weighted by '{column}'"


def weighted_rows(column: str, n_rows: int, worth: float) -> str:
    """What is to be known of an estimate from rows that weigh unevenly."""
    return (
        f"Rows count by '{column}', by which the {n_rows:,} of them are worth {worth:,.0f} that count alike; weights "
        "are taken as given."
    )


def counted_as(n_rows: int, worth: float) -> str:
    """As how many rows that count alike unevenly counted ones are."""
    return f"counting unevenly, {n_rows:,} rows are worth {worth:,.0f}"


def carried_by_few(found: Carried) -> str:
    """That few groups decide what the score is."""
    return (
        f"Few groups, or blocks, carry most of the loss: one of {found.groups:,} has {found.largest:.0%} of it, and "
        f"all count as {found.effective:.2g} of equal loss; an interval that rests on so few is not to be trusted."
    )


def with_notes(method: str, *, by_few: bool, unseen: bool, undefined: int, bootstraps: int) -> str:
    """The method with what a reader of the score alone has to know."""
    notes = [note for note, holds in ((FEW_CARRY, by_few), (UNSEEN, unseen)) if holds]
    if undefined > OFTEN_UNDEFINED * bootstraps:
        notes.append(f"without the {undefined / bootstraps:.0%} of bootstraps in which the metric is undefined")
    return "; ".join([method, *notes])


def estimand_words(estimand: str) -> str:
    """The estimand in words.

    Raises:
        RequestError: if it is not one of `ESTIMANDS`.
    """
    if estimand not in ESTIMANDS:
        raise RequestError(f"the estimand is '{estimand}'; it has to be 'scored' or 'refit'")
    return ESTIMANDS[estimand]


def selected_from(n_configurations: int, n_rows: int, effective: float | None) -> str:
    """How large the selection was."""
    text = f"The winner of {n_configurations:,} configurations was selected on {n_rows:,} rows"
    if effective is None:
        return f"{text}."
    count = f"{effective:,.0f}" if effective >= 100 else f"{effective:.3g}"
    count = count if effective < MANY else f"over {MANY:,}"
    because = ", since the search learned from their scores" if effective > n_configurations else ""
    return f"{text}; for the interval they count as {count} independent ones{because}."


def why(method: str) -> str:
    """Why this method was used."""
    reasons = {
        RMX: "The metric is a mean over rows: the selection is repeated in simulation among the configurations that "
        "could have won, and the lower bound pays for it. The score is that of the winners of bootstraps on the rows "
        "left out, and what the winner of all rows is better by.",
        MAX_T: "Bounds that hold for every configuration at once hold for the winner, however it was chosen.",
        BBC_PERCENTILE: "The selection is repeated in bootstraps of the rows, and its winner is scored on the rows "
        "left out; the interval is the central part of these scores.",
        RMX_CEILING: "So many bootstraps leave out (nearly) no row or group with an error that a standard error says "
        "little; each bound is the outer one of two RMX intervals, the second of which takes rows, or groups, as right "
        "or wrong.",
        RMX_METRIC: "The metric is no mean over rows, but nearly one of what each row contributes, whose variances and "
        "correlations the bootstraps show: with these the selection is repeated among the configurations that could "
        "have won, and the bounds are those of a proportion from as many trials as vary like the metric.",
        RACED: "Not all configurations have scores of all rows: the selection is repeated in simulation among all that "
        "could have won, those included, and its mean optimism is taken off.",
        RACED_MAX_T: "Bounds that hold for every configuration that was begun hold for the winner, however it was "
        "chosen.",
    }
    return reasons[method]


def refit(*, from_bootstrap: bool) -> str:
    """What lets the interval be about a model that has not been scored."""
    if from_bootstrap:
        return (
            "The refit is not in the bootstrap; that each winner is scored on the 37% of rows left out widens the "
            "interval by about as much as a refit needed in simulations of 5- and 10-fold cross-validation."
        )
    return (
        "The interval allows for the refit by a factor found in simulations of 5- and 10-fold cross-validation with "
        "100 to 400 rows, not by a theorem."
    )


def not_finite(count: int, total: int) -> str:
    """Configurations that could not be selected, and how they count."""
    return (
        f"{count} of {total} configurations lack finite scores of some rows and could not be selected; they count "
        "among those that could have won, each as far behind the winner as on the rows that both have, less three "
        "standard errors, or level with it where there are no two such rows."
    )


def undefined(count: int, bootstraps: int) -> str:
    """Bootstraps that were left out."""
    return f"The metric was undefined in {count} of {bootstraps} bootstraps, which are left out."


def slow(name: str, bootstraps: int) -> str:
    """Why there are few bootstraps."""
    return f"The metric '{name}' is slow to compute under weights, so that there are only {bootstraps} bootstraps."


def total(name: str, n_rows: int) -> str:
    """What a metric is about that twice the rows score twice as much by."""
    return (
        f"The metric '{name}' is a total: twice the rows score twice as much. The number is that of {n_rows:,} rows; "
        "divided by them it compares with that of other rows."
    )


def extreme(name: str) -> str:
    """Why there is no estimate of a metric that is one row's."""
    return (
        f"'{name}' is the error of one row, the worst, and the rows that were judged do not say how bad the worst of "
        "others may be; a mean or a quantile of the errors has an estimate"
    )
