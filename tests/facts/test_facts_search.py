"""What the pages say of a search: its rules, its changes, what it was given, and what ended it early."""

from __future__ import annotations

import pytest

import holdfast
from holdfast.cli import standing
from holdfast.errors import RequestError
from holdfast.facts.blocks import Bullets, Paragraph
from holdfast.facts.constraints import winners_constraints
from holdfast.facts.log import limit_reached, three_scores
from holdfast.facts.search import search_section
from holdfast.facts.standing import alerts
from holdfast.report.status import status_dict


def said(study: holdfast.Study) -> str:
    blocks = search_section(study.book.state).blocks
    texts = [text for block in blocks if isinstance(block, Bullets) for text in block.items]
    return " ".join([*texts, *(block.text for block in blocks if isinstance(block, Paragraph))])


def test_rules_and_changes_of_a_search_are_on_its_page() -> None:
    earlier = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", name="earlier")
    earlier.optimize(lambda trial: float(str(trial["x"])), n_trials=3)
    study = holdfast.Study(
        holdfast.Space({"x": holdfast.Float(0, 1)}, forbid=["x > 0.9"]),
        strategy="random",
        constraints={"ms": "<= 50"},
        duplicates="replicate",
        earlier=[earlier],
    )
    for ms in (40.0, 60.0, 70.0):
        study.tell(study.ask(), {"value": 1.0, "ms": ms})
    assert "Never proposed: x > 0.9." in said(study)
    study.amend({"x": holdfast.Float(0, 2)}, why="the best lies at the end")
    text = said(study)
    assert "Only a trial that meets ms <= 50 can be the best; of 3 trials with a score 1 is known to." in text
    assert "A configuration may be tried more than once." in text
    assert "It could learn from study earlier, 3 trials." in text
    assert ": the best lies at the end" in text
    assert status_dict(study.book.state)["last_event"]
    assert "not lie in the space as it stands" not in text
    study.amend(holdfast.Space({"x": holdfast.Float(1.5, 2)}), why="the best lies beyond")
    outside = "3 trials with a score do not lie in the space as it stands now, and cannot be the best"
    assert f"{outside}; the estimate counts what was compared before." in said(study)
    assert three_scores(study.book.state).missing["naive"] == "no trial lies in the space as it was amended"


def test_starts_of_the_portfolio_are_not_a_person_s() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    study.enqueue({"x": 0.5}, why="portfolio: the default configuration")
    study.enqueue({"x": 0.1}, why="a guess")
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=3)
    assert "1 configuration came from the portfolio of the family. 1 configuration came from a person." in said(study)


def test_what_a_person_did_who_could_know_scores_is_said() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    study.enqueue({"x": 0.5})
    study.enqueue({"x": 0.25})
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=3)
    assert "There were scores" not in said(study)
    study.enqueue({"x": 0.1}, why="lower is better")
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=1)
    counts = "so that the search counts as one that goes by scores."
    assert f"There were scores when configurations were enqueued, {counts}" in said(study)
    study.amend({"x": holdfast.Float(0, 0.2)}, why="lower is better")
    assert f"There were scores when configurations were enqueued and the space was amended, {counts}" in said(study)
    before = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    before.enqueue({"x": 0.5})
    before.amend({"x": holdfast.Float(0, 0.2)}, why="more is not allowed")
    before.optimize(lambda trial: float(str(trial["x"])), n_trials=3)
    assert "There were scores" not in said(before)
    assert "1 trial with a score does not lie in the space as it stands now, and cannot be the best." in said(before)


def test_what_ended_a_search_early_is_said_until_it_goes_on() -> None:
    study = holdfast.Study({"x": holdfast.Categorical([1, 2, 3])}, strategy="random")
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=5)
    assert "The search ended after 3 trials" in limit_reached(study.book.state)
    assert "The search ended after 3 trials" in said(study)
    study.amend({"x": holdfast.Categorical([1, 2, 3, 4])}, why="one more")
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=1)
    assert limit_reached(study.book.state) == ""


def test_a_score_that_no_constraint_lets_through_is_not_called_missing() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", constraints={"ms": "<= 50"})
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=3)
    assert three_scores(study.book.state).missing["naive"] == "no trial is known to meet ms <= 50"
    said_first = "None of the 3 trials with a score is known to meet ms <= 50: none is the best."
    assert alerts(study.book.state) == [said_first]
    assert winners_constraints(study.book.state) == ""
    with pytest.raises(RequestError, match="known to meet ms <= 50, so there is no best one; tell ms with the value"):
        _ = study.best_config
    study.tell(study.ask(), {"value": 1.0, "ms": 60.0})
    with pytest.raises(RequestError, match="there is no best one; go on, or ease it in a new study"):
        _ = study.best_config
    study.tell(study.ask(), {"value": 1.0, "ms": 41.0})
    assert alerts(study.book.state) == []
    assert winners_constraints(study.book.state) == "When it was tried it met ms <= 50 with 41."
    found = status_dict(study.book.state)
    assert (found["constraints"], found["feasible"]) == (["ms <= 50"], 1)
    assert ["constraints", "ms <= 50: 1 trial known to meet it"] in standing.rows(found)


def test_the_gain_at_the_end_is_a_sentence_from_the_log_alone() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", direction="maximize", seed=0)
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=2)
    assert "has no expected gain yet; it needs 5 complete trials whose scores differ." in said(study)
    study.optimize(lambda trial: float(str(trial["x"])), n_trials=18)
    gain = study.expected_gain()
    assert f"One more trial would be expected to gain {gain.value:.2g} in value ({gain.low:.2g} to " in said(study)
    several = holdfast.Study(
        {"x": holdfast.Float(0, 1)}, strategy="random", direction={"a": "minimize", "b": "minimize"}
    )
    several.optimize(lambda trial: {"a": trial["x"], "b": 1.0}, n_trials=6)
    assert "gain" not in said(several)
