"""Row scores of all trials come by one form of the metric; what is raised ends the search."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_iris
from sklearn.metrics import get_scorer
from sklearn.tree import DecisionTreeClassifier

from holdfast.sklearn.folds import FoldResult, Said
from holdfast.sklearn.job import UNLIKE, RowKeeper
from holdfast.sklearn.scored import Scored, scored_by

_, Y = load_iris(return_X_y=True)
TESTS = (np.arange(0, 150, 2), np.arange(1, 150, 2))


def _scored() -> Scored:
    scored = scored_by(DecisionTreeClassifier(), get_scorer("accuracy"), "score", Y, [TESTS, (TESTS[1], TESTS[0])], {})
    assert isinstance(scored, Scored)
    return scored


def _results(*, score: float | None = None, label: int = 1) -> list[FoldResult]:
    responses = [np.full(len(test), label) for test in TESTS[::-1]]
    means = [float(np.mean(said == Y[test])) for said, test in zip(responses, TESTS[::-1], strict=True)]
    return [
        FoldResult({"test_scores": mean if score is None else score}, Said(said, np.arange(3)))
        for mean, said in zip(means, responses, strict=True)
    ]


def test_the_first_form_that_says_the_scores_is_kept_for_all_trials() -> None:
    keeper = RowKeeper(_scored(), None)
    rows, why = keeper.keep(_results())
    assert why is None
    assert rows is not None
    assert (rows.kind, str(rows.values.dtype), rows.values.sum()) == ("score", "uint8", 50)
    rows, why = keeper.keep(_results(score=0.5))
    assert (rows, why) == (None, UNLIKE), "predictions are another kind of row scores than those of the first trial"


def test_predictions_are_kept_where_row_terms_do_not_say_the_scores() -> None:
    rows, _ = RowKeeper(_scored(), None).keep(_results(score=0.5))
    assert rows is not None
    assert rows.kind == "prediction"


def test_a_study_that_goes_on_keeps_to_its_kind() -> None:
    rows, _ = RowKeeper(_scored(), "prediction").keep(_results())
    assert rows is not None
    assert rows.kind == "prediction"


def test_without_predictions_there_are_no_row_scores() -> None:
    assert RowKeeper("there is no y", None).keep(_results()) == (None, "there is no y")
    unheard = [FoldResult(result.scores, None) for result in _results()]
    assert RowKeeper(_scored(), None).keep(unheard) == (None, UNLIKE)
    assert RowKeeper(_scored(), None).keep(_results(label=9)) == (None, UNLIKE)
