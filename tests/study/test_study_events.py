"""Every kind of event is documented, and every documented kind of a study's own does occur."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from types import ModuleType

import pytest

import holdfast
from holdfast.errors import StudyHaltedError
from holdfast.records import Entry
from holdfast.study.checkpoints import drop_all
from holdfast.study.events import KINDS
from holdfast.study.handle import LiveTrial
from holdfast.study.state import StudyState, fold
from holdfast.study.study import Study

DOCS = Path(__file__).parents[2] / "docs"


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_events_is_up_to_date() -> None:
    page = generate().events_page()
    assert (DOCS / "events.md").read_text(encoding="utf-8") == page, "run: python docs/generate.py"
    assert all(f"| `{kind}` | " in page for kind in KINDS)


def test_what_a_person_enqueues_days_later_is_no_time_spent() -> None:
    settings = Study({"x": holdfast.Float(0, 1)}).book.state.settings
    state = StudyState.begin(settings)
    wish = {"config": {"x": 0.5}, "why": ""}
    told = [Entry("run.began", {}, 100.0), Entry("study.halted", {"why": ""}, 160.0)]
    for index, item in enumerate([*told, Entry("config.enqueued", wish, 90_000.0)]):
        state = fold(state, item, index)
    assert state.elapsed == 60.0
    for index, item in enumerate([Entry("run.began", {}, 90_010.0), Entry("study.halted", {"why": ""}, 90_012.0)], 3):
        state = fold(state, item, index)
    assert state.elapsed == 62.0


def test_an_outdated_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = generate()
    monkeypatch.setattr(module, "DOCS", tmp_path)
    assert "events.md" in module.outdated()
    assert module.main(["--check"]) == 1
    assert module.main([]) == 0
    assert module.outdated() == []
    assert module.main(["--check"]) == 0
    (tmp_path / "events.md").write_text("edited by hand")
    assert module.outdated() == ["events.md"]


def eventful_study() -> Study:
    """A study to which everything happens that can."""
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=holdfast.Fidelity("epoch", 1, 3), seed=1)
    study.enqueue({"x": 0.5}, why="a guess")

    def objective(trial: LiveTrial) -> float | None:
        if trial.number == 3:
            raise ValueError("no")
        if trial.number == 1 and study.trials[1].restarts == 0:
            raise KeyboardInterrupt
        for epoch in range(trial.start_step + 1, 4):
            value = math.nan if trial.number == 4 else trial["x"] / epoch
            if trial.report(value, epoch) is not holdfast.Verdict.CONTINUE:
                trial.save(b"weights")
                return None
        return float(trial["x"])

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=6)
    with pytest.raises(StudyHaltedError):
        study.optimize(objective, n_trials=5, halt_after=1)
    study.optimize(objective, n_trials=5)
    drop_all(study.book)
    return study


def test_every_kind_of_a_study_s_own_events_occurs_and_says_what_it_holds(tmp_path: Path) -> None:
    discovered = Study(strategy="random")
    discovered.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 2), n_trials=2)
    changed = Study({"n": holdfast.Int(1, 2)}, strategy="random")
    changed.amend({"n": holdfast.Int(1, 3)}, "too few")
    changed.learn_from(discovered)
    changed.optimize(lambda trial: float(trial["n"]), n_trials=4)
    late = discovered.ask()
    discovered.book.note("trial.restarted", {"trial": late.number, "why": "no sign of life", "start_step": 0})
    with pytest.warns(UserWarning, match="is kept as late"):
        discovered.tell(late, 1.0)
    place = holdfast.Checkpoints(tmp_path, quota="1 KB")
    full = Study({"x": holdfast.Float(0, 1)}, strategy="random", checkpoints=place)
    trial = full.ask()
    trial.report(1.0, 1)
    trial.save(bytes(2000))
    seen: set[str] = set()
    for study in (eventful_study(), discovered, changed, full):
        for event in study.book.log.read():
            seen.add(event.kind)
            for key in event.data:
                assert f"`{key}`" in KINDS[event.kind], f"{event.kind} does not say what '{key}' is"
    rooms = ("study.", "space.", "trial.", "budget.", "strategy.", "config.", "checkpoints.")
    assert seen == {kind for kind in KINDS if kind.startswith(rooms)}


def test_texts_fit_a_table() -> None:
    for kind, text in KINDS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+", kind)
        assert "|" not in text
        assert "\n" not in text
        assert text.endswith(".")
        assert "  " not in text
