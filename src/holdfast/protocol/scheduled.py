"""Training by a schedule of hyperparameters, as a population found it: one plain run that changes them on its way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from holdfast.errors import RequestError
from holdfast.protocol.fidelity import Measure
from holdfast.protocol.learn import Fitted, Prepared, Recipe
from holdfast.protocol.plan import Plan
from holdfast.records import Trial
from holdfast.search.base import Strategy
from holdfast.search.pbt import PopulationBasedTraining, check_budget, check_kept, interval_of
from holdfast.space import Space
from holdfast.study.book import Book
from holdfast.study.schedule import Schedule, schedule_of
from holdfast.train.clones import settled
from holdfast.train.curves import JudgedRows
from holdfast.train.networks import NetworkEstimator, start_training

SCHEDULE = "schedule.json"
"""The file of the winner's schedule in the folder of a run."""


def for_networks(strategy: Strategy, recipe: Recipe, space: Space, measure: Measure | None, plan: Plan) -> Strategy:
    """A strategy that may clone, with the hyperparameters that a network keeps in training; any other as it is.

    Raises:
        RequestError: if the models cannot change their hyperparameters in training, there are fewer trials than
            members, these are never compared, or one is to keep what the space does not have.
    """
    if not isinstance(strategy, PopulationBasedTraining):
        return strategy
    if measure is None or measure.kind != "epochs" or not recipe.is_network:
        by = "" if measure is None else f", which are paused by {measure.fidelity.name}"
        raise RequestError(
            f"strategy 'pbt' changes hyperparameters while a network trains by epochs, and trials of '{recipe.family}' "
            f"cannot{by}; take a network, such as mlp, or another strategy"
        )
    if plan.data.split.get("reshuffle"):
        raise RequestError(
            "strategy 'pbt' lets a trial go on from what another one had learned, and with reshuffle = true every "
            "trial has rows of its own; leave out one of them"
        )
    check_kept(strategy.keep, space)
    check_budget(2 if strategy.population is None else strategy.population, plan.most_trials)
    interval_of(measure.fidelity, strategy.interval)
    kept = settled(recipe.network)
    keep = tuple(name for name in space.names if name in kept or name in strategy.keep)
    return dataclasses.replace(strategy, keep=keep)


def is_population(book: Book) -> bool:
    """Whether the trials of a planned study are the members of a population.

    These have no early stopping: a member is judged, saved and shipped as it is at the step that it has reached, since
    the weights of a better epoch may be from before its hyperparameters changed (Jaderberg et al. 2017, section 3).
    """
    return book.state.settings.strategy == PopulationBasedTraining.name


def schedule_in(book: Book, trial: Trial) -> Schedule:
    """The schedule of a trial of a planned study."""
    fidelity = book.state.settings.fidelity
    return schedule_of(book.state.trials, trial.number, "step" if fidelity is None else fidelity.name)


def write_schedule(book: Book, folder: Path) -> None:
    """The schedule of the winner as a file, where its hyperparameters changed on the way."""
    if "choice.made" not in book.state.notes:
        return
    winner = book.state.trials[book.state.notes["choice.made"][-1]["trial"]]
    if winner.parent is not None:
        schedule_in(book, winner).save(folder / SCHEDULE)


def fit_by_schedule(
    recipe: Recipe,
    schedule: Schedule,
    prepared: Prepared,
    *,
    epochs: int | None = None,
    judged: JudgedRows | None = None,
    early_stopping: bool = False,
) -> Fitted:
    """A network trained piece by piece; on the rows of the trial it is the trial's, to the bit.

    Args:
        recipe: a family of networks.
        schedule: by epochs.
        prepared: the rows.
        epochs: for so many, with the last piece longer or shorter: a refit on other rows.
        judged: the rows that the model is judged on, for the curve of its losses.
        early_stopping: as trials of any strategy but a population have it.
    """
    from holdfast.train.stacked.together import advance

    y = np.zeros(len(prepared.X)) if prepared.y is None else prepared.y
    first = schedule.pieces[0].config
    task, seed = prepared.task, schedule.seed
    most = epochs or (None if early_stopping else recipe.network.settings(first).epochs)
    run = start_training(recipe.network, first, task, prepared.X, y, seed, epochs=most, judged=judged)
    for place, piece in enumerate(schedule.pieces):
        last = place + 1 == len(schedule.pieces)
        run = run.changed(piece.config)
        advance(run, None if last and epochs is not None else piece.until)
    return Fitted(NetworkEstimator.of(run), run.epochs_used, run.notes, run.curve)
