"""docs/cli.md and docs/plan.md say what the code does; every command and every key is explained."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from holdfast.cli.app import app
from holdfast.protocol.overrides import overridden
from holdfast.protocol.plan import Plan
from holdfast.protocol.read import read_plan
from holdfast.train.registry import all_families
from holdfast.train.task import Task

DOCS = Path(__file__).parents[2] / "docs"
ROOT: Any = typer.main.get_command(app)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli.md", "plan.md"])
def test_the_page_is_current(generate: ModuleType, name: str) -> None:
    page = generate.PAGES[name]()
    assert (DOCS / name).read_text(encoding="utf-8") == page, "run: python docs/generate.py"


@pytest.mark.parametrize("name", list(ROOT.commands))
def test_every_command_has_help_and_examples_and_stands_in_the_page(name: str) -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    command = ROOT.commands[name]
    assert f"\n## {name}\n" in page
    assert len(command.get_short_help_str(120)) < 60, "the list of commands cuts it off"
    assert not command.get_short_help_str(120).endswith("...")
    assert f"holdfast {name}" in command.epilog
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.help.endswith("."), parameter.name
        assert parameter.help in page


@pytest.mark.parametrize("name", ["", *ROOT.commands])
def test_examples_fit_a_terminal_of_80_columns(name: str) -> None:
    epilog = ROOT.commands[name].epilog if name else ROOT.epilog
    assert [line for line in epilog.splitlines() if len(line) > 76] == []


def test_every_example_is_a_command_line_that_is_understood() -> None:
    """Parsed only: commands, options and arguments exist."""
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (?:watch )?holdfast (.*?)(?: +[#>].*)?$", page, flags=re.MULTILINE)
    assert len(lines) > 15
    for line in lines:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        ROOT.commands[words[0]].make_context(words[0], words[1:])


def test_every_key_of_the_plan_is_explained() -> None:
    page = (DOCS / "plan.md").read_text(encoding="utf-8")

    def check(table: Any) -> None:
        for key, field in table.model_fields.items():
            assert field.description, key
            inner = field.annotation
            if hasattr(inner, "model_fields"):
                check(inner)
            elif table is not Plan:
                assert f"\n| `{key}` |" in page

    check(Plan)


def test_the_examples_in_the_page_of_the_plan_can_be_meant(tmp_path: Path) -> None:
    page = (DOCS / "plan.md").read_text(encoding="utf-8")
    whole, space = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "plan.toml").write_text(whole, encoding="utf-8")
    assert read_plan(tmp_path / "plan.toml").plan.search.trials == 60
    family = all_families()["mlp"]
    changed = overridden(family.space(Task("multiclass", 1000, 64, 10, ())), tomllib.loads(space)["space"])
    assert changed["depth"].to_json()["high"] == 3
    assert changed["dropout"].to_json()["choices"] == [0.1]


def test_the_plan_in_the_help_can_be_meant(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (DOCS / "cli.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    assert read_plan(tmp_path / "plan.toml").plan.search.trials == 30
    assert '\n  family = "svm"\n' in ROOT.commands["tune"].get_help(ROOT.commands["tune"].make_context("tune", ["x"]))


def test_the_page_of_the_plan_names_every_family() -> None:
    page = (DOCS / "plan.md").read_text(encoding="utf-8")
    assert [name for name in all_families() if name not in page] == []
