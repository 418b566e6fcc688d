"""Opening the test rows and going on with a study from Python, as the sentences say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import RequestError, SealError
from holdfast.execute.inline import Inline
from holdfast.protocol.folder import find_run, open_book

PLAN = {
    "study": {"name": "wines", "unseal": "by-hand"},
    "data": {"source": "sklearn:wine"},
    "model": {"family": "logistic"},
    "search": {"trials": 2, "strategy": "random"},
}


def called(sentence: str) -> holdfast.Result:
    """Do what a sentence says to call."""
    (call,) = re.findall(r"\(in Python: (holdfast\.\w+\(.*\))\)$", sentence)
    return eval(call, {"holdfast": holdfast})  # type: ignore[no-any-return]


def test_what_a_result_and_a_refusal_say_to_call_opens_the_rows(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    result = holdfast.tune(PLAN, runs=runs, executor=Inline())
    assert result.test is None
    assert called(result.missing[0]).test is not None
    with pytest.raises(SealError) as refused:
        holdfast.unseal("wines", runs=runs)
    assert called(str(refused.value)).test is not None
    opened = open_book(find_run(runs, "wines")).state.notes["test.opened"]
    assert [note["why"] for note in opened] == ["", "the reason"]


def test_a_study_that_was_interrupted_goes_on_as_its_sentence_says(tmp_path: Path) -> None:
    def stop(_book: object, _trial: object) -> None:
        raise KeyboardInterrupt

    runs = tmp_path / "runs"
    with pytest.raises(KeyboardInterrupt):
        holdfast.tune(PLAN, runs=runs, executor=Inline(), progress=stop)
    for early in (holdfast.load_result, holdfast.unseal):
        with pytest.raises(RequestError, match=r'resume wines .*in Python: holdfast\.resume\("wines", runs='):
            early("wines", runs=runs)
    assert len(list(holdfast.resume("wines", runs=runs, executor=Inline()).missing)) == 1
