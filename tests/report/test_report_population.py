"""The section on a population: its lineage, and the course of the winner's hyperparameters."""

from __future__ import annotations

import math

import pytest

import holdfast
from holdfast.cli.standing import rows
from holdfast.errors import RequestError
from holdfast.facts.blocks import Figure, Gallery, Paragraph
from holdfast.facts.numbers import listed
from holdfast.facts.winner import course_sentence
from holdfast.govern.sections import hyperparameters_section
from holdfast.records import Fidelity, Verdict
from holdfast.report.figures import draw_svg
from holdfast.report.population import population_section
from holdfast.report.status import status_dict
from holdfast.report.trials_table import trials_csv, trials_rows
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study

SPACE: dict[str, holdfast.Float | holdfast.Int | holdfast.Categorical] = {
    "rate": holdfast.Float(1e-3, 1.0, log=True),
    "size": holdfast.Int(1, 9),
    "kind": holdfast.Categorical(["a", "b\n<b>"]),
    "only b": holdfast.Float(0, 1, when={"kind": ["b\n<b>"]}),
    "fixed": holdfast.Categorical(["one"]),
}


def learn(trial: LiveTrial) -> float | None:
    """A loss that falls by the rate, and is huge for one trial."""
    loss = 1.0 if trial.checkpoint is None else float(trial.checkpoint)
    for step in range(trial.start_step + 1, 10):
        loss *= 1 - 0.5 * min(float(trial["rate"]), 0.9)
        if trial.report(1e6 if trial.number == 0 else loss, step) is not Verdict.CONTINUE:
            trial.save(str(loss).encode())
            return None
    return loss


@pytest.fixture(scope="module")
def study() -> Study:
    found = Study(
        holdfast.Space(SPACE),
        strategy=PopulationBasedTraining(population=6, interval=3, resample=0.6, keep=("fixed",)),
        fidelity=Fidelity("epoch", 1, 9),
        seed=5,
    )
    found.optimize(learn, n_trials=16)
    return found


def test_the_lineage_and_the_schedule_are_drawn(study: Study) -> None:
    blocks = population_section(study.book.state).blocks
    said, lineage, _, gallery = blocks
    assert isinstance(said, Paragraph)
    schedule = study.schedule()
    assert len(schedule.pieces) > 1
    clones = sum(trial.parent is not None for trial in study.trials)
    assert f"{clones} clones of {len(study.trials)} trials went on from the weights of another trial." in said.text
    assert f"The winner, trial {schedule.trial}, was trained with {len(schedule.pieces)} configurations" in said.text
    assert isinstance(lineage, Figure)
    assert "3 scores too poor for the picture" in lineage.caption
    assert f"{clones} clones; the winner ends at" in lineage.alternative
    assert isinstance(gallery, Gallery)
    assert 1 <= len(gallery.figures) == len(schedule.changed)
    assert "fixed" not in schedule.changed
    for figure in [lineage, *gallery.figures]:
        assert "<svg" in draw_svg(figure)
    rate = gallery.figures[schedule.changed.index("rate")]
    assert rate.caption.count(" up to ") == len(schedule.pieces)
    assert "up to 9 epoch" in rate.caption


def test_a_study_without_clones_has_no_such_section() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    study.optimize(lambda trial: float(trial["x"]), n_trials=3)
    assert population_section(study.book.state).blocks == []


def test_a_winner_that_is_no_clone_is_said_to_have_kept_its_hyperparameters() -> None:
    def hopeless_clones(trial: LiveTrial) -> float | None:
        worse = 100.0 if trial.parent is not None or (trial.start_step > 5 and trial.number > 5) else 0.0
        for step in range(trial.start_step + 1, 10):
            if trial.report(float(trial["x"]) + worse, step) is not Verdict.CONTINUE:
                trial.save(b"")
                return None
        return float(trial["x"]) + worse

    strategy = PopulationBasedTraining(population=4, interval=3)
    study = Study({"x": holdfast.Float(0, 1)}, strategy=strategy, fidelity=Fidelity("epoch", 1, 9), seed=1)
    study.optimize(hopeless_clones, n_trials=10)
    blocks = population_section(study.book.state).blocks
    assert isinstance(blocks[0], Paragraph)
    assert "is none of them: its hyperparameters never changed." in blocks[0].text
    assert not any(isinstance(block, Gallery) for block in blocks)
    assert math.isfinite(study.best_value)


def test_the_table_of_trials_has_the_lineage_of_clones_where_there_are_any(study: Study) -> None:
    rows = trials_rows(study.book.state)
    for trial, row in zip(study.trials, rows, strict=True):
        own = (None, None, None) if trial.parent is None else (trial.parent, trial.parent_step, trial.replaces)
        assert (row["parent"], row["parent_step"], row["replaces"]) == own
    assert any(row["parent"] is not None for row in rows)
    assert ",parent,parent_step,replaces,reason," in trials_csv(study.book.state).splitlines()[0]
    alone = Study(holdfast.Space(SPACE), strategy="random")
    alone.optimize(lambda trial: float(trial["rate"]), n_trials=2)
    assert "parent" not in trials_csv(alone.book.state).splitlines()[0]


def test_the_values_of_a_name_that_no_piece_has_are_refused(study: Study) -> None:
    with pytest.raises(RequestError, match=r"the schedule of trial \d+ has no 'zz'; it has rate, size, kind"):
        study.schedule().values("zz")
    assert len(study.schedule().values("rate")) == len(study.schedule().pieces)


def test_a_winner_that_others_began_says_wherever_it_stands_that_its_configuration_is_the_last_of_several(
    study: Study,
) -> None:
    state, pieces = study.book.state, study.schedule().pieces
    trials, starts = [str(piece.trial) for piece in pieces], [str(piece.start) for piece in pieces[1:]]
    said = course_sentence(state, study.best_trial)
    assert said == (
        f"Trial {trials[-1]} was trained with {len(pieces)} configurations, those of trials {listed(trials)}: the next "
        f"one took over after {listed(starts)} epoch, and its own is the last of them."
    )
    assert status_dict(state)["best"]["course"] == said
    assert Paragraph(said) in hyperparameters_section(state).blocks
    assert ["", said] in rows(status_dict(state))


def test_a_winner_with_one_configuration_says_nothing_of_a_course() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    study.optimize(lambda trial: float(trial["x"]), n_trials=3)
    assert course_sentence(study.book.state, study.best_trial) == ""
    assert status_dict(study.book.state)["best"]["course"] is None
