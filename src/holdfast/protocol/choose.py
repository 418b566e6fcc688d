"""Choosing the winner, and its estimate: naive, then corrected for having been picked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, MetricError, RequestError
from holdfast.evaluate.estimate import estimate, naive
from holdfast.evaluate.series import series_of
from holdfast.evaluate.weighted import weighted_estimate
from holdfast.evaluate.wording import GROUPED, WINDOWED, Estimand, estimand_words, weighted_by, weighted_rows
from holdfast.facts.numbers import count, listed, number
from holdfast.protocol.bench import Bench, make_bench
from holdfast.protocol.constraints import nearest_to_feasible
from holdfast.protocol.learn import Fitted, Prepared, fit
from holdfast.protocol.looks import Look, look_at
from holdfast.protocol.prepare import Ready
from holdfast.protocol.scheduled import fit_by_schedule, is_population, schedule_in
from holdfast.protocol.tables import Part, Rows, open_rows, parts_of, rows_of_role
from holdfast.protocol.units import units_of
from holdfast.records import RowScores, Score, Trial, TrialState, loss_sign, number_to_json
from holdfast.stats.uneven_rows import worth
from holdfast.study.book import entry
from holdfast.study.corrected import went_by_scores
from holdfast.study.failures import error_line
from holdfast.study.folds import dropped_trials
from holdfast.study.ranking import could_be_picked, ranking, scored_trials
from holdfast.train.curves import JudgedRows
from holdfast.train.failures import Diverged


class NoWinnerError(HoldfastError):
    """No trial is known to meet the outcome constraints of the plan."""


UNPAIRED = (
    "with reshuffle = true every trial is validated on rows of its own, so that there are no common rows to correct "
    "the selection on; rows set apart by select, as in select = 0.1, would give an estimate"
)


@dataclass(frozen=True, eq=False)
class Scored:
    """The configurations that were compared, with their row scores, on the rows that decided between them.

    ``finalists`` are those that were scored on select rows, best by validation first, each with its score there.
    ``sentences`` say which were not.
    """

    trials: list[Trial]
    rows: list[RowScores]
    bench: Bench
    winner: int
    rule: str
    adaptive: bool
    finalists: tuple[tuple[Trial, float], ...] = ()
    sentences: tuple[str, ...] = ()


def ships(ready: Ready) -> Estimand:
    """Which model ships: the one that was scored, or one refitted on more rows."""
    return shipped(ready.plan.model.ship, folds=bool(ready.folds), reshuffled=ready.reshuffled)


def shipped(wanted: str, *, folds: bool, reshuffled: bool) -> Estimand:
    """The same by what a plan says (``ship``), and how its trials are validated."""
    if wanted == "auto":
        return "refit" if folds or reshuffled else "scored"
    return "refit" if wanted == "refitted" else "scored"


def ships_in_words(ready: Ready) -> str:
    """What the estimate and the test score are about."""
    windowed = ready.split.window is not None and ships(ready) == "refit"
    return WINDOWED if windowed else estimand_words(ships(ready))


def choose(ready: Ready, *, counted: bool = True) -> None:
    """Put the winner, its naive score and its estimate on the record, once.

    Looks at rows are ``counted`` on the ledger of the store; those of searches within outer folds are not, as they
    are parts of one study.

    Raises:
        NoWinnerError: if trials have scores, and none of them is known to meet the constraints.
        HoldfastError: if no trial has a score.
    """
    state = ready.book.state
    if "choice.made" in state.notes:
        return
    ranked = ranking(state)
    if not ranked and state.settings.constraints and scored_trials(state):
        raise NoWinnerError(_none_feasible(ready))
    if not ranked:
        failed = [trial for trial in state.trials if trial.error]
        last = ""
        if failed:
            why = error_line(failed[-1].error).rstrip(".")
            last = f"; the last one failed with: {why}; mend that and take a new name for the plan"
        raise HoldfastError(f"study '{ready.run.name}' has no trial with a score to choose from{last}")
    metric = ready.recipe.make_metric()
    finalists = _finalists(ready, ranked)
    looks = _looks(ready, finalists) if counted else {}
    compared = _compared(ready, ranked, finalists)
    winner = ranked[0] if compared is None else compared.trials[compared.winner]
    score, made = _estimate(ready, compared, looks)
    if score is None:
        value = winner.metrics[metric.name]
        parts = parts_of(ready.run.path, ready.recipe.schema, folds=ready.folds)
        n = sum(len(part.judge) for part in parts)
        score = Score(value, None, None, 0.95, "uncorrected", "the winner on its validation rows", n)
    score = dataclasses.replace(score, method=weighted_by(score.method, ready.recipe.schema.weight))
    rule = "best validation score" if compared is None else compared.rule
    choice = {
        "trial": winner.number,
        "config": winner.config,
        "rule": rule,
        "metric": metric.name,
        "direction": metric.direction,
        "naive": score.to_json(),
    }
    if compared is not None and compared.finalists:
        scored = [{"trial": trial.number, "value": number_to_json(value)} for trial, value in compared.finalists]
        choice["finalists"] = scored
    if looks:
        choice["looks"] = [look.to_json() for look in looks.values()]
    both = [entry("choice.made", choice), entry("estimate.made", made)]
    ready.book.commit(lambda now: ([] if "choice.made" in now.notes else both, None))


def _none_feasible(ready: Ready) -> str:
    """That no trial meets the constraints, how near one came, and what to do."""
    state = ready.book.state
    wish = listed([str(item) for item in state.settings.constraints])
    near = nearest_to_feasible(state)
    known = [item.metric for item in state.settings.constraints if item.metric in near.metrics]
    came = f"; trial {near.number} comes nearest, with " + listed([f"{m} {number(near.metrics[m])}" for m in known])
    return (
        f"none of the {count(len(scored_trials(state)), 'trial')} with a score in study '{ready.run.name}' is known to "
        f"meet {wish}, so there is no winner{came if known else ''}; ease that, or try more, in a plan of another name"
    )


def _finalists(ready: Ready, ranked: list[Trial]) -> list[Trial]:
    """The best by validation, complete ones where there are any; none without select rows to compare them on."""
    if "select" not in ready.seal.rows:
        return []
    complete = [trial for trial in ranked if trial.state is TrialState.COMPLETE] or ranked
    return complete[: ready.plan.search.finalists]


def _looks(ready: Ready, finalists: list[Trial]) -> dict[str, Look]:
    """By role the looks at rows by which the choice is made, entered on the ledger before it is made."""
    found = {"validation": look_at(ready, "validation", len(scored_trials(ready.book.state)))}
    if finalists:
        found["select"] = look_at(ready, "select", len(finalists))
    return {role: look for role, look in found.items() if look is not None}


def _compared(ready: Ready, ranked: list[Trial], finalists: list[Trial]) -> Scored | None:
    """What decides: the select rows, where there are any and the metric is defined there; else the validation rows."""
    failed: list[str] = []
    on_select = _on_select_rows(ready, finalists, failed) if finalists else None
    compared = on_select or _on_validation_rows(ready, ranked)
    return None if compared is None else dataclasses.replace(compared, sentences=tuple(failed))


def _on_validation_rows(ready: Ready, ranked: list[Trial]) -> Scored | None:
    """Every trial with row scores; partial ones too, since the winner was picked over them as well.

    One that was dropped before its last fold counts whether or not it met the constraints on the folds it had.
    """
    state = ready.book.state
    dropped = dropped_trials(state) if ranked[0].state is TrialState.COMPLETE else []
    scored = [trial for trial in scored_trials(state) if could_be_picked(state, trial)]
    numbers = {trial.number for trial in (*scored, *dropped) if trial.rows is not None}
    with_rows = [state.trials[number] for number in sorted(numbers)]
    if ranked[0].rows is None:
        return None
    rows = [ready.book.get_rows(trial.rows) for trial in with_rows if trial.rows is not None]
    bench = make_bench(ready.recipe, parts_of(ready.run.path, ready.recipe.schema, folds=ready.folds))
    place = with_rows.index(ranked[0])
    return Scored(with_rows, rows, bench, place, "best validation score", adaptive=went_by_scores(state))


def _on_select_rows(ready: Ready, finalists: list[Trial], failed: list[str]) -> Scored | None:
    """The finalists, fitted on the train rows as they were scored, on the select rows that no trial has looked at.

    None if the metric has no row scores, or is not a finite number for any of them on these rows. A sentence for each
    that fails or that a metric of one's own cannot score is added to ``failed``; it is no candidate.
    """
    train = _to_learn_from(ready)
    select = rows_of_role(ready.run.path, "select", ready.recipe.schema)
    bench = make_bench(ready.recipe, (Part(train, select),))
    rows, values, fitted = [], [], []
    for trial in finalists:
        try:
            found = fit_again(ready, trial, bench.prepared[0])
        except Diverged as exc:  # it trained on every fold, and does not on all of the rows: no candidate to ship
            failed.append(f"Trial {trial.number} is no candidate: fitted again for the select rows, it failed: {exc}.")
            continue
        try:
            value, scores = bench.score([bench.predict(found.model, 0)])
        except MetricError as exc:
            failed.append(f"Trial {trial.number} has no score on the select rows: {exc}.")
            continue
        if scores is None:
            return None
        fitted.append(trial)
        rows.append(scores)
        values.append(value)
    if not np.isfinite(values).any():
        return None
    sign = -loss_sign(bench.metric.direction)
    winner = int(np.argmax(np.where(np.isfinite(values), sign * np.array(values), -np.inf)))
    rule = f"best of {len(fitted)} finalists on {len(select)} select rows"
    scored = tuple(zip(fitted, map(float, values), strict=True))
    return Scored(fitted, rows, bench, winner, rule, adaptive=False, finalists=scored)


def _to_learn_from(ready: Ready) -> Rows:
    """What a finalist is fitted on: train, and validation where that changes from trial to trial."""
    if ready.reshuffled:
        return open_rows(ready.run.path, ready.recipe.schema)
    return rows_of_role(ready.run.path, "train", ready.recipe.schema).for_final_fit(refit=False)


def fit_again(ready: Ready, trial: Trial, prepared: Prepared, judged: JudgedRows | None = None) -> Fitted:
    """The model of a trial, from its seed: on the same rows the very one that was scored.

    After folds, or validation rows of its own, it is fitted on all of those rows, for the epochs that it was trained
    for on average. With ``judged`` it has the curve of its losses, and is the same.
    """
    if ready.folds or ready.reshuffled:
        return fit_in_full(ready, trial, prepared, judged)
    measure = ready.measure
    if is_population(ready.book):
        return fit_by_schedule(ready.recipe, schedule_in(ready.book, trial), prepared, judged=judged)
    if measure is None:
        return fit(ready.recipe, trial.config, trial.seed, prepared, judged=judged)
    return measure.fit(ready.recipe, trial.config, trial.seed, prepared, trial.until_step, judged)


def fit_in_full(ready: Ready, trial: Trial, prepared: Prepared, judged: JudgedRows | None = None) -> Fitted:
    """The configuration, or the schedule, of a trial on other rows: a network for the epochs that were found."""
    epochs = trial.extra.get("epochs") if ready.recipe.is_network else None
    if is_population(ready.book):
        return fit_by_schedule(ready.recipe, schedule_in(ready.book, trial), prepared, epochs=epochs, judged=judged)
    config = trial.config if ready.measure is None else ready.measure.config(trial.config, trial.until_step)
    return fit(ready.recipe, config, trial.seed, prepared, epochs=epochs, judged=judged)


def _estimate(ready: Ready, compared: Scored | None, looks: Mapping[str, Look]) -> tuple[Score | None, dict[str, Any]]:
    """The naive score of the winner (None without row scores), and what the event says of its estimate."""
    metric = ready.recipe.make_metric()
    if compared is None:
        why = f"the metric '{metric.name}' is no sum over rows, so there is nothing to correct it with"
        return None, _no_estimate(UNPAIRED if ready.reshuffled else why)
    by, own = compared.bench.rows.compared_by(metric), compared.rows[compared.winner]
    of_predictions = own.kind == "prediction"
    common: dict[str, Any] = {"folds": by.folds, "metric": by.metric, "y": by.y if of_predictions else None}
    units = units_of(by.groups, by.times, series_of(own, by.y))
    look = looks.get("select" if compared.finalists else "validation")
    paid = look.before if look is not None and look.role == "select" else 0
    unscored = RowScores(np.full(own.values.shape, np.nan), own.rows, own.kind, own.aggregate)
    try:
        asked: dict[str, Any] = {
            "winner": compared.winner,
            "direction": metric.direction,
            "estimand": ships(ready),
            "groups": units.names,
            "seed": ready.plan.study.seed,
            "adaptive": compared.adaptive or paid > 0,
            **common,
        }
        every = [*compared.rows, *[unscored] * paid]
        if by.weights is None:
            made = estimate(every, **asked)
        else:
            repeated = compared.bench.rows.repeats is not None
            made = weighted_estimate(every, by.weights, repeated=repeated, **asked)
        score = naive(own, estimand=ships(ready), weights=by.weights if of_predictions else None, **common)
    except (RequestError, MetricError) as exc:
        return None, _no_estimate(str(exc), compared.sentences)
    said = look.told(made, compared.rows) if look is not None and paid else made.sentences
    sentences = [text for text in said if text != GROUPED or by.groups is not None]
    if units.sentence is not None:
        sentences.append(units.sentence)
    column = ready.recipe.schema.weight
    if by.weights is not None and column is not None:
        sentences.append(weighted_rows(column, len(by.weights), worth(by.weights)))
    method = weighted_by(made.score.method, column)
    if look is not None and look.earlier:
        sentences.append(look.sentence())
    sentences.extend(compared.sentences)
    event = {
        "score": dataclasses.replace(made.score, estimand=ships_in_words(ready), method=method).to_json(),
        "missing": None,
        "naive": made.naive,
        "luck": made.luck,
        "n_configurations": made.n_configurations,
        "effective_configurations": made.effective_configurations,
        "sentences": sentences,
    }
    return dataclasses.replace(score, value=made.naive, estimand=ships_in_words(ready)), event


def _no_estimate(why: str, sentences: Sequence[str] = ()) -> dict[str, Any]:
    """The event of an estimate that cannot be made."""
    numbers = dict.fromkeys(("score", "naive", "luck", "n_configurations", "effective_configurations"))
    return {**numbers, "missing": why, "sentences": list(sentences)}
