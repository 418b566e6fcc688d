"""What a plan's estimate pays for: a search that a person had a hand in, and not the trials that the plan names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.evaluate import wording
from holdfast.execute.inline import Inline
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import Result, resume, tune
from holdfast.records import Trial
from holdfast.report.corrected import corrected_path
from holdfast.study.corrected import went_by_scores

PLAN: dict[str, Any] = {
    "study": {"name": "steered", "unseal": "by-hand"},
    "data": {"source": "sklearn:wine"},
    "model": {"family": "knn"},
    "search": {"trials": 6, "strategy": "random"},
    "trials": [{"config": {"n_neighbors": 7}}, {"config": {"n_neighbors": 3}}],
}


def interrupted(runs: Path, then: Callable[[holdfast.Study], object]) -> Result:
    """A plan that is interrupted after its first trial and resumed, with something done in Python between the two."""

    def stop(_: object, trial: Trial) -> None:
        if trial.number == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(PLAN, runs=runs, executor=Inline(), progress=stop)
    study = holdfast.load_study("steered", f"sqlite:///{runs}/steered/study.db")
    then(study)
    study.close()
    return resume("steered", runs=runs, executor=Inline())


def sentences(result: Result) -> list[str]:
    """What the plan says of its estimate, which is that of the study in Python and of the page."""
    book = open_book(find_run(result.folder.parent, result.name))
    study = holdfast.load_study("steered", f"sqlite:///{result.folder}/study.db")
    assert result.estimate is not None
    assert study.estimate() == result.estimate
    assert corrected_path(book)[-1]["value"] == pytest.approx(result.estimate.value)
    made = book.state.notes["estimate.made"][-1]["sentences"]
    assert (wording.ADAPTIVE in made) is went_by_scores(book.state)
    return list(made)


def test_trials_of_a_plan_are_a_fixed_design_on_a_plan_that_was_resumed_as_well(tmp_path: Path) -> None:
    whole = tune(PLAN, runs=tmp_path / "whole", executor=Inline())
    resumed = interrupted(tmp_path / "resumed", lambda study: None)
    assert wording.ADAPTIVE not in sentences(whole)
    assert sentences(resumed) == sentences(whole)
    assert resumed.estimate == whole.estimate


def test_a_plan_pays_for_what_a_person_enqueued_while_it_ran(tmp_path: Path) -> None:
    result = interrupted(tmp_path, lambda study: study.enqueue({**study.best_config, "n_neighbors": 8}, "near it"))
    assert wording.ADAPTIVE in sentences(result)
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "There were scores when configurations were enqueued, so that the search counts as one that goes" in page


def test_a_plan_pays_for_a_space_that_was_amended_while_it_ran_and_for_what_was_ruled_out(tmp_path: Path) -> None:
    def narrower(study: holdfast.Study) -> None:
        space = study.book.state.settings.space
        assert space is not None
        study.amend({**space.domains, "n_neighbors": holdfast.Int(2, 6)}, "few are enough")

    result = interrupted(tmp_path, narrower)
    assert wording.ADAPTIVE in sentences(result)
    book = open_book(find_run(tmp_path, "steered"))
    assert book.state.history.masked == {0}  # 7 neighbours, which were scored before that
    assert book.state.notes["estimate.made"][-1]["n_configurations"] == len(book.state.trials)
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "cannot be the best; the estimate counts what was compared before." in page
