"""README, CONTRIBUTING and docs: their commands exist, their links lead somewhere, their code runs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import holdfast

PAGES = ("README.md", "CONTRIBUTING.md", "docs/README.md", "docs/api.md")


def _blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def _readme_code() -> list[str]:
    return _blocks(Path(__file__).parents[2] / "README.md", "python")


def _run(code: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a block as a module of its own; a warning is an error here as everywhere."""
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, name, "exec"), vars(module))


def test_make_commands_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = "".join((root / page).read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_make_needs_no_other_file(root: Path) -> None:
    command = ["make", "--dry-run", "--always-make", "help", "demo", "test", "long", "lint"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for path in re.findall(r"(?:examples|docs)/\S+\.(?:toml|py)", done.stdout):
        assert (root / path).is_file(), f"make uses {path}, which is not there"


def test_holdfast_commands_exist(root: Path) -> None:
    import typer

    from holdfast.cli.app import app

    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    text = (root / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:\$ |`)holdfast ([a-z]+)", text))
    listed = re.search(r"`holdfast --help` lists the commands:\s(.*?)\n\n", text, re.DOTALL)
    assert listed is not None
    named |= set(re.findall(r"`([a-z]+)`", listed[1]))
    assert {"tune", "best", "verify"} <= named <= known


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str, root: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", (root / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (root / page).parent.joinpath(link).exists()] == []


def test_every_page_is_listed(root: Path) -> None:
    text = (root / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (root / "docs").glob("*.md") if f"({page.name})" not in text + "(README.md)"] == []


def test_every_public_name_is_on_its_page_as_it_is(root: Path) -> None:
    text = (root / "docs" / "api.md").read_text(encoding="utf-8")
    headings = dict(re.findall(r"^#### `(\w+)(?:\((.*)\))?`$", text, re.MULTILINE))
    assert sorted(headings) == sorted(holdfast.__all__)
    for name, arguments in headings.items():
        if arguments:
            parameters = inspect.signature(getattr(holdfast, name)).parameters
            assert arguments.split(", ") == list(parameters), f"docs/api.md has other arguments for {name}"


OURS = {
    "Study": {"book": "the log and its fold, which the rooms above it work on"},
    "LiveTrial": {"flush": "called by the study when an objective ends"},
    "Splits": {},
}
"""Public classes, with what of theirs is no public name, and why."""


@pytest.mark.parametrize("name", OURS)
def test_every_public_method_is_on_the_page_as_it_is(name: str, root: Path) -> None:
    text = (root / "docs" / "api.md").read_text(encoding="utf-8")
    section = re.search(rf"^#### `{name}\b(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    listed = dict(re.findall(r"^\| `(\w+)(\(.*?\))?` \|", section[1], re.MULTILINE))
    kind = getattr(holdfast, name)
    members = {member: found for member, found in vars(kind).items() if not member.startswith("_")}
    members = {member: found for member, found in members.items() if callable(found) or isinstance(found, property)}
    assert OURS[name].keys() <= members.keys()
    assert listed == {m: _arguments(found) for m, found in members.items() if m not in OURS[name]}


def _arguments(member: object) -> str:
    """The names of a method's arguments in brackets; empty for a property."""
    if isinstance(member, property):
        return ""
    assert callable(member)
    return f"({', '.join(list(inspect.signature(member).parameters)[1:])})"


def test_what_the_readme_lists_is_what_there_is(root: Path) -> None:
    from holdfast.search.registry import NAMES
    from holdfast.train.registry import all_families

    text = (root / "README.md").read_text(encoding="utf-8")
    listed = re.search(r"^Strategies: (.*?)Families: (.*?)and any", text, re.DOTALL | re.MULTILINE)
    assert listed is not None
    assert re.findall(r"`([\w-]+)`", listed[1]) == list(NAMES)
    assert set(re.findall(r"`([\w-]+)`", listed[2])) == set(all_families())


def test_code_of_the_page_on_spaces_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run("\n".join(_blocks(root / "docs" / "spaces.md", "python")), "spaces", monkeypatch)


def test_the_objective_of_the_page_on_fidelities_trains_no_step_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (code,) = _blocks(root / "docs" / "fidelities.md", "python")
    _run(code, "fidelities", monkeypatch)
    study = vars(sys.modules["fidelities"])["study"]
    assert any(trial.start_step > 0 for trial in study.trials)
    for trial in study.trials:
        assert [step for step, _ in trial.reports] == list(range(1, trial.reports[-1][0] + 1))
    assert caplog.text == ""


@pytest.mark.parametrize("code", [c for c in _readme_code() if "plan.toml" not in c], ids=lambda c: f"{len(c)} bytes")
def test_code_of_the_readme_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _run(code, "readme", monkeypatch)


def test_the_strategy_of_the_guide_conforms(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = _blocks(root / "CONTRIBUTING.md", "python")
    assert "STRATEGY_CHECKS" in code
    _run(code, "guide", monkeypatch)


@pytest.mark.long
def test_the_plan_of_the_readme_says_what_is_shown(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan, _prices = _blocks(root / "README.md", "toml")
    tuned, _priced = _blocks(root / "README.md", "console")
    Path("plan.toml").write_text(plan, encoding="utf-8")
    expected, said = _answers(tuned)
    assert said == expected
    for code in _readme_code():
        if "plan.toml" in code:
            _run(code, "readme", monkeypatch)


@pytest.mark.long
def test_the_price_of_the_readme_is_what_is_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    _tuned, priced = _blocks(root / "README.md", "console")
    expected, said = _answers(priced)
    assert said[: len(expected)] == expected, "the page leaves out the last line, and nothing else"
    assert "27,000" in priced


def _answers(block: str) -> tuple[list[str], list[str]]:
    """What a block of the README shows behind its command, and what the command says now, both without numbers."""
    command, _, expected = block.partition("\n")
    arguments = command.removeprefix("$ holdfast ").split()
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    return _without_numbers(expected), _without_numbers(done.stdout)


def _without_numbers(text: str) -> list[str]:
    """The words of a text; numbers differ between machines in the last digits."""
    return re.sub(r"\d+(\.\d+)?", "0", text).split()
