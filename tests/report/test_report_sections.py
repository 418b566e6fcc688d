"""Cost, learning, parameters and failures: what the log says, and unknown where it says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import holdfast
from holdfast.facts.blocks import Beside, Block, Figure, Gallery, Table
from holdfast.facts.markdown import markdown
from holdfast.report.conduct import environment_section, failures_section
from holdfast.report.content import document
from holdfast.report.cost import cost_section
from holdfast.report.learning import learning_section
from holdfast.report.outcome import winner_section
from holdfast.report.trials_section import trials_section

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies


def table(blocks: Sequence[Block], caption: str) -> Table:
    return next(block for block in blocks if isinstance(block, Table) and block.caption == caption)


def test_every_figure_of_cost_says_how_it_came_about() -> None:
    rows = {row[0]: row[1:] for row in table(cost_section(studies.metered_study().book.state).blocks, TOTALS).rows}
    assert rows["graphics processor time"][:2] == ["unknown", "unknown"]
    assert rows["electricity"][1:] == ["TDP estimate", "95%", "±50%"]
    assert rows["carbon"][3] != "±50%"  # the uncertainty of the grid comes on top
    assert rows["money"][1] == "given"


TOTALS = "What the study has cost"


def test_what_nobody_metered_is_unknown_and_not_nought() -> None:
    study = studies.toy_study(5)
    rows = {row[0]: row[1] for row in table(cost_section(study.book.state).blocks, TOTALS).rows}
    assert {rows[what] for what in ("electricity", "carbon", "money", "peak memory of a process")} == {"unknown"}
    assert "nothing to count" in markdown_of(studies.toy_study(0))


def markdown_of(study: holdfast.Study) -> str:
    return markdown(document(study.book))


def test_the_forecast_stands_beside_what_was_metered_and_the_budget_beside_what_was_spent() -> None:
    section = cost_section(studies.metered_study().book.state)
    forecast = {row[0]: row[1:] for row in table(section.blocks, "The forecast against what was metered").rows}
    spent = float(forecast["time"][3])
    assert 0.1 < spent < 1
    assert forecast["disk"] == ["2 MB", "sampled", "unknown", "unknown"]
    budget = table(section.blocks, "The budget").rows
    assert budget[0] == ["trials", "30", "30", "100%"]
    assert budget[1][:2] == ["time", "30 min"]
    assert [type(block).__name__ for block in section.blocks].count("Alert") == 1


def test_where_the_money_went_adds_up() -> None:
    section = cost_section(studies.metered_study().book.state)
    (figure,) = [block for block in section.blocks if isinstance(block, Figure)]
    (rows,) = figure.spec["datasets"].values()
    shares = [row["value"] for row in rows]
    total = table(section.blocks, "Where it went").rows[-1]
    assert abs(sum(shares) - float(total[-1].removesuffix(" USD"))) < 1e-3
    assert "Most of the money went into other complete trials" in figure.caption


def test_verdicts_come_with_their_curves() -> None:
    section = learning_section(studies.metered_study().book.state)
    (gallery,) = [block for block in section.blocks if isinstance(block, Gallery)]
    verdicts = {figure.caption.split(".")[0].split(": ")[1] for figure in gallery.figures}
    assert any(verdict.startswith("overfitting from epoch ") for verdict in verdicts)
    assert len(verdicts) > 1
    ends = {tuple(figure.spec["layer"][-1]["encoding"]["y"]["scale"]["domain"]) for figure in gallery.figures}
    assert len(ends) == 1  # one scale, so that they can be compared


def test_reports_make_a_curve_where_no_other_is_kept() -> None:
    section = learning_section(studies.toy_study(6).book.state)
    (gallery,) = [block for block in section.blocks if isinstance(block, Gallery)]
    assert "validation goes from" in gallery.figures[0].caption


def test_one_trial_is_no_comparison() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", name="one")
    trial = study.ask()
    trial.set_user_attr("train", 0.25)
    study.tell(trial, 1.0)
    text = markdown_of(study)
    assert "of trial 0, the winner, on training and on validation rows" in text
    assert "The gap, by how much the training rows fare better, is 0.75." in text
    assert "last improved at trial 0; the last one" not in text
    more = learning_section(studies.metered_study().book.state).blocks
    assert any(isinstance(block, Figure) and "of the best 12 trials on" in block.caption for block in more)


def test_the_environment_is_said_in_the_words_of_the_card() -> None:
    study = studies.toy_study(1)
    environment = {"python": "3.12.1", "cpu_count": 4, "versions": {"numpy": "2.0", "holdfast": "0"}}
    study.book.note("code.recorded", {"environment": environment, "git": None})
    (made,) = environment_section(study.book).blocks
    assert isinstance(made, Table)
    assert made.rows[1:] == [
        ["Python", "3.12.1"],
        ["cores", "4"],
        ["numpy", "2.0"],
        ["code", "not in a repository"],
    ]


def test_a_curve_of_the_users_own_is_not_taken_for_one() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    for value in (
        "a text",
        {"steps": [1, 2]},
        {"metric": "m", "step": "s", "steps": [1], "train": "x", "validation": 2},
    ):
        trial = study.ask()
        trial.set_user_attr("curve", value)
        trial.set_user_attr("train", "high")
        study.tell(trial, 1.0)
    assert "No trial has told a score on its training rows" in markdown_of(study)


def test_parameters_stand_beside_the_hyperparameters_they_came_from() -> None:
    study = studies.toy_study(4)
    studies.note_choice(study)
    many = [[f"w{i}", [2, 3], 6] for i in range(20)]
    studies.note_model(
        study, parameters={"count": 120, "text": "Training gave rise to 120 parameters.", "arrays": many}
    )
    (beside,) = [block for block in winner_section(study.book.state).blocks if isinstance(block, Beside)]
    hyperparameters, parameters = beside.tables
    assert "learning_rate" in [row[0] for row in hyperparameters.rows]
    rows = parameters.rows
    assert rows[0] == ["w0", "2 × 3", "6"]
    assert rows[-2:] == [["4 more", "", "24"], ["in all", "", "120"]]
    studies.note_model(study, parameters={"count": None, "text": "Nobody can say.", "arrays": []})
    assert "Nobody can say." in markdown_of(study)


def test_failures_are_counted_by_cause_in_words() -> None:
    rows = table(failures_section(studies.metered_study().book.state).blocks, "Failed trials by cause").rows
    assert [row[:2] for row in rows] == [
        ["2", "the objective raised an error"],
        ["1", "the budget was spent while it ran; not the configuration's fault"],
    ]


def test_the_table_of_trials_leaves_out_columns_without_a_word() -> None:
    long = table(trials_section(studies.toy_study(3).book.state).blocks, "All trials")
    assert long.long
    assert long.header[:3] == ["trial", "state", "accuracy"]
    assert "error" not in long.header
    assert "error" in table(trials_section(studies.toy_study(6).book.state).blocks, "All trials").header


def test_the_best_that_share_a_value_lie_at_it() -> None:
    study = holdfast.Study({"x": holdfast.Int(1, 9), "y": holdfast.Float(0, 1)}, strategy="random", seed=0)
    for number in range(12):
        study.enqueue({"x": 1 if number < 6 else number - 3, "y": number / 12})
        trial = study.ask()
        study.tell(trial, 1.0 + number)
    assert "the best 3 lie at 1" in markdown_of(study)


def test_the_head_says_what_the_test_is_of() -> None:
    study = studies.governed_study()
    assert "On the sealed test rows, the model that ships reaches accuracy" in markdown_of(study)
    studies.note_opening(study, opening=2, why="again")
    assert "On test rows that had been opened before, the model that ships" in markdown_of(study)


def test_the_head_says_that_every_trial_failed() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", name="broken")
    for _ in range(2):
        study.tell(study.ask(), state="failed", error=ValueError("no"))
    assert "- No trial has a score: 2 of 2 trials failed." in markdown_of(study)
    study.tell(study.ask(), 1.0)
    assert "No trial has a score" not in markdown_of(study)
    assert "- Trial 2 is the best so far, with a naive score of 1. There is no estimate: none is on" in markdown_of(
        study
    )
    assert "- 2 of 3 trials failed." in markdown_of(study)


def test_each_trial_of_the_table_says_how_it_learned_and_unfolds_why() -> None:
    state = studies.metered_study().book.state
    made = table(trials_section(state).blocks, "All trials")
    place = list(made.header).index("how it learned")
    said = {int(row[0]): row[place] for row in made.rows}
    assert said[4] == ""  # it failed
    assert any(text.startswith("overfitting from epoch ") for text in said.values())
    assert made.more.keys() == {(number, place) for number, text in said.items() if text}
    assert all(sentence.endswith(".") for sentence in made.more.values())
    bare = table(trials_section(studies.toy_study(3).book.state).blocks, "All trials")
    assert "how it learned" not in bare.header
    assert not bare.more
