"""Where the curves of trials that run or wait are going, on the page."""

from __future__ import annotations

import holdfast
from holdfast.facts.blocks import Gallery, Paragraph
from holdfast.records import Fidelity
from holdfast.report.figures import draw_svg
from holdfast.report.prediction_figures import MOST_PREDICTED, prediction_blocks
from holdfast.study.study import Study


def learning(running: int) -> Study:
    """Three complete trials, and some that have reached epoch 2."""
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", seed=1, fidelity=Fidelity("epoch", 1, 9))
    for number in range(3 + running):
        trial = study.ask()
        for epoch in range(1, 10 if number < 3 else 3):
            trial.report(float(str(trial["x"])) + 1 / epoch, step=epoch)
        if number < 3:
            study.tell(trial, float(str(trial["x"])) + 1 / 9)
    return study


def test_a_picture_for_each_of_the_most_promising() -> None:
    study = learning(MOST_PREDICTED + 2)
    said, pictures = prediction_blocks(study.book.state)
    assert isinstance(said, Paragraph)
    assert isinstance(pictures, Gallery)
    assert said.text.startswith("The 8 trials that were not trained to the end, by where the curves of all trials say")
    assert "the best 6 of them" in said.text
    assert f"Thin lines are trial {study.best_trial.number}, the best." in said.text
    assert len(pictures.figures) == MOST_PREDICTED
    first = pictures.figures[0]
    score = study.predict_final(int(first.name.rpartition("-")[2]))
    assert f"at epoch 2; expected to end at {score.value:.3g}" in first.caption
    assert "<svg" in draw_svg(first)


def test_nothing_where_every_trial_is_at_its_end() -> None:
    assert prediction_blocks(learning(0).book.state) == []
