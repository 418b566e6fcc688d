"""Which trial to take, by a rule that is stated: the luckiest one is not it. Nothing is logged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np

from holdfast.errors import RequestError, nearest
from holdfast.evaluate.ranges import Range, possible
from holdfast.evaluate.wording import UNCORRECTED
from holdfast.records import Config, Score, Trial, TrialState
from holdfast.rng import Streams
from holdfast.search.outlook import FEWEST_SCORES, outlook
from holdfast.study.book import Book
from holdfast.study.compared import compared
from holdfast.study.corrected import corrected_score, follows_plan, is_of_search
from holdfast.study.measured import metric_range
from holdfast.study.ranking import best_of, ranking
from holdfast.study.replicated import best_replicated

Rule = Literal["posterior-mean", "one-standard-error", "replicated"]

SECONDS = "seconds"
"""What a trial cost where no metric is named: the seconds that it took."""

POSTERIOR = "posterior mean of a Gaussian process of all trials, averaged over its noise"
OBSERVED = "the trial on the rows that it was scored on"
ESTIMAND = "what trials of the configuration score on average, on the rows that all trials were scored on"


@dataclass(frozen=True, slots=True)
class Recommended:
    """The trial to take, and why.

    Attributes:
        trial: its number.
        config: its configuration.
        rule: by which it was found.
        text: why, in a sentence or two.
        score: what is expected of it: its method and estimand say in which sense.
        observed: what it scored.
        luckiest: the trial with the best value, `Study.best_trial`, and what that scored.
    """

    trial: int
    config: Config
    rule: Rule
    text: str
    score: Score
    observed: float
    luckiest: tuple[int, float]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class _Belief:
    """What the surrogate expects of trials: means and standard deviations of shape (C,), lower is better.

    ``bounds`` are those of the metric.
    """

    trials: list[Trial]
    means: np.ndarray
    sds: np.ndarray
    sign: float
    told: int
    bounds: Range

    def score(self, place: int, level: float) -> Score:
        half = NormalDist().inv_cdf((1 + level) / 2) * float(self.sds[place])
        mean = self.sign * float(self.means[place])
        score = Score(mean, mean - half, mean + half, level, POSTERIOR, ESTIMAND, self.told)
        return possible(score, self.bounds)

    def of(self, trial: Trial, level: float) -> Score:
        return self.score([each.number for each in self.trials].index(trial.number), level)


def recommended_of(book: Book, rule: Rule, *, cost: str, level: float) -> Recommended:
    """See `Study.recommended`.

    Raises:
        RequestError: for a rule, a cost or a level that does not exist, or a rule that cannot be applied.
    """
    if rule not in get_args(Rule):
        words = get_args(Rule)
        raise RequestError(f"rule = {rule!r}; it can be {', '.join(words)}{nearest(str(rule), words)}")
    if not 0 < level < 1:
        raise RequestError(f"level = {level!r}; it must be between 0 and 1, such as 0.95")
    best_of(book.state)  # says why there is none
    if rule == "replicated":
        return _by_replicates(book, level)
    if rule == "posterior-mean":
        return _by_posterior(book, level)
    return _by_one_error(book, cost, level)


def _by_posterior(book: Book, level: float) -> Recommended:
    belief = _belief(book, "posterior-mean")
    place = int(belief.means.argmin())
    score, metric = belief.score(place, level), book.state.first_metric
    best = best_of(book.state)
    order = "less" if belief.sign > 0 else "more"
    where, elsewhere = _about(book)
    why = (
        f"a Gaussian process of {belief.told} trials expects {metric} {_shown(score)} of it{where}, {order} than of "
        f"any other{elsewhere}"
    )
    lucky = belief.of(best, level)
    than = f"{metric} {lucky.value:.4g} is expected"
    return _made(book, belief.trials[place], "posterior-mean", why, score, than)


def _about(book: Book) -> tuple[str, str]:
    """On which rows a score is expected, and what is expected on others, where trials have rows in common."""
    state = book.state
    known = follows_plan(state) or is_of_search(state)
    if not known and all(trial.rows is None for trial in state.trials):
        return "", ""
    if is_of_search(state):
        says = "search.estimate_ says what the configuration that the search chose scores"
    elif follows_plan(state):
        says = "the estimate of the plan says what its winner scores"
    else:
        says = "study.estimate() says what the best trial scores"
    return " on the rows that all trials were scored on", f" (on new rows, which vary besides, {says})"


def _by_one_error(book: Book, cost: str, level: float) -> Recommended:
    """The cheapest within one standard error of the best (Breiman et al., Classification and Regression Trees, 1984).

    The error is that of the paired difference with the best trial over the rows; without row scores that of the best
    posterior mean.
    """
    name = book.state.settings.name
    complete = _complete(book)
    _check_cost(book, cost, complete)
    by_rows = _within_by_rows(book, complete)
    if not isinstance(by_rows, str):
        within = by_rows
        of = "one standard error of its paired difference with the best, over the rows that both were scored on"
    else:
        belief = _belief(book, "one-standard-error")
        top = int(belief.means.argmin())
        near = belief.means <= belief.means[top] + belief.sds[top]
        within = [trial for trial, is_near in zip(belief.trials, near, strict=True) if is_near]
        of = f"one standard error of the best by a Gaussian process of {belief.told} trials ({by_rows})"
    priced = [trial for trial in within if math.isfinite(_cost(trial, cost))]
    if not priced:
        raise RequestError(
            f"study '{name}' has no '{cost}' for any of the {len(within)} trials within one standard error of the "
            "best; tell it with the value, or name another cost"
        )
    order = [trial.number for trial in ranking(book.state)]
    chosen = min(priced, key=lambda trial: (_cost(trial, cost), order.index(trial.number)))
    best = best_of(book.state)
    others = f"{len(within)} trials are" if len(within) > 1 else "one trial is"
    spent = f"{_cost(chosen, cost):.4g}" + (
        "" if math.isnan(_cost(best, cost)) else f" against {_cost(best, cost):.4g}"
    )
    why = f"it is the cheapest by {cost} ({spent}) of what lies within {of}: {others} no worse than that"
    score = belief.of(chosen, level) if isinstance(by_rows, str) else _expected(book, chosen, level)
    return _made(book, chosen, "one-standard-error", why, score)


def _expected(book: Book, trial: Trial, level: float) -> Score:
    """The estimate, where the log has all that it depends on; else what the surrogate expects, or what was observed.

    A plan or a search knows folds, groups and the model that ships; a plan has its own winner's estimate on record.
    """
    state = book.state
    if not (follows_plan(state) or is_of_search(state)):
        return corrected_score(book, trial, level)
    choice, made = state.notes.get("choice.made"), state.notes.get("estimate.made")
    if choice and made and made[-1]["score"] is not None and choice[-1]["trial"] == trial.number:
        score = Score.from_json(made[-1]["score"])
        if score.level == level:
            return score
    try:
        return _belief(book, "one-standard-error").of(trial, level)
    except RequestError:  # too few trials for a surrogate
        rows = 0 if trial.rows is None else trial.rows["n"]
        return Score(trial.metrics[state.first_metric], None, None, level, UNCORRECTED, OBSERVED, rows)


def _by_replicates(book: Book, level: float) -> Recommended:
    found = best_replicated(book, level)
    among = f"of the {found.configurations} configurations" if found.configurations > 1 else "of the one configuration"
    why = (
        f"its configuration has the best mean, {found.plain:.4g} over {found.fresh} fresh runs, {among} that were run "
        f"again; drawn towards the others as far as runs disagree that is {_shown(found.score)}"
    )
    return _made(book, found.trial, "replicated", why, found.score)


def _made(book: Book, trial: Trial, rule: Rule, why: str, score: Score, than: str = "") -> Recommended:
    metric, best = book.state.first_metric, best_of(book.state)
    observed = trial.metrics[metric]
    text = f"Trial {trial.number} is recommended by the rule {rule}: {why}."
    if trial.number == best.number:
        text += f" It is also the luckiest, with {observed:.4g} observed."
    else:
        value = best.metrics[metric]
        expected = f", of which {than}" if than else ""
        text += f" It scored {observed:.4g}; the luckiest is trial {best.number}, which scored {value:.4g}{expected}."
    return Recommended(
        trial.number, dict(trial.config), rule, text, score, observed, (best.number, best.metrics[metric])
    )


def _shown(score: Score) -> str:
    return f"{score.value:.4g} ({100 * score.level:.4g}% interval {score.low:.4g} to {score.high:.4g})"


def _complete(book: Book) -> list[Trial]:
    """The complete trials that may be the best, by number.

    Raises:
        RequestError: if there is none.
    """
    found = [trial for trial in ranking(book.state) if trial.state is TrialState.COMPLETE]
    if not found:
        raise RequestError(
            f"study '{book.state.settings.name}' has no complete trial yet, and one that was trained in part is not "
            "recommended; go on until one is complete"
        )
    return sorted(found, key=lambda trial: trial.number)


def _belief(book: Book, rule: Rule) -> _Belief:
    """What the surrogate expects of the complete trials that may be the best."""
    state, trials = book.state, _complete(book)
    history = state.history.snapshot(state.length)
    numbers = np.array([trial.number for trial in trials])
    found = None if history.space is None else outlook(history, Streams(state.settings.seed))
    if found is None:
        raise RequestError(
            f"study '{state.settings.name}' has no surrogate, so the rule '{rule}' cannot be applied; it needs "
            f"{FEWEST_SCORES} complete trials whose scores differ, in a space with something to vary"
        )
    sign = state.loss_sign
    means, sds = found.expect(history.units[numbers])
    return _Belief(trials, means, sds, sign, found.told, metric_range(state))


def _within_by_rows(book: Book, complete: list[Trial]) -> list[Trial] | str:
    """The trials within one standard error of the best on the same rows; why rows do not say, where they do not."""
    told = [trial.rows for trial in complete if trial.rows is not None]
    if not told:
        return "there are no row scores"
    if len(told) < len(complete):
        return f"{len(complete) - len(told)} of {len(complete)} complete trials have no row scores"
    if any(rows["kind"] != "score" for rows in told):
        return "of each row there is a prediction, and the metric is no mean of what rows score"
    found = compared(book, most=len(complete))  # complete ones rank first
    if found is None or len(found.trials) != len(complete):
        return "not all trials have finite scores of the same rows"
    behind = found.scores[:, :1] - found.scores
    error = behind.std(axis=0, ddof=1) / math.sqrt(len(behind))
    near = behind.mean(axis=0) <= error
    near[0] = True
    return [trial for trial, is_near in zip(found.trials, near, strict=True) if is_near]


def _cost(trial: Trial, cost: str) -> float:
    return trial.seconds if cost == SECONDS else trial.metrics.get(cost, math.nan)


def _check_cost(book: Book, cost: str, complete: list[Trial]) -> None:
    state = book.state
    known = {SECONDS, *(name for trial in complete for name in trial.metrics)} - {state.first_metric}
    if cost not in known:
        is_objective = cost == state.first_metric
        why = "is what the study is judged by" if is_objective else "no complete trial was told with"
        raise RequestError(
            f"cost = {cost!r}, which {why}; it can be {', '.join(sorted(known))}{nearest(str(cost), sorted(known))}"
        )
