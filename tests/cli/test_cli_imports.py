"""Asking for help, and importing holdfast, cost next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ALLOWED = {"holdfast", "typer", "click", "annotated_doc", "shellingham", "typing_extensions"}
"""Top-level packages that may be imported before a command runs."""

HEAVY = {"numpy", "polars", "sklearn", "scipy", "torch", "altair", "rich", "skops", "jinja2"}


def imported_by(statement: str) -> set[str]:
    """The top-level packages outside of the standard library that a statement loads."""
    program = (
        f"import sys; before = set(sys.modules)\n{statement}\n"
        "import json; print(json.dumps(sorted({n.split('.')[0] for n in set(sys.modules).difference(before)})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])) - set(sys.stdlib_module_names)


def test_importing_holdfast_loads_nothing_else() -> None:
    assert imported_by("import holdfast") == {"holdfast"}


def test_importing_the_command_line_loads_typer_only() -> None:
    assert "typer" in imported_by("import holdfast.cli")
    assert imported_by("import holdfast.cli") <= ALLOWED


def test_asking_for_help_loads_typer_only() -> None:
    assert imported_by("from holdfast.cli import main; main(['--help'])") <= ALLOWED


@pytest.mark.parametrize("arguments", [["tune", "--help"], ["--version"], ["tun"]])
def test_help_of_a_command_and_usage_errors_load_nothing_heavy(arguments: list[str]) -> None:
    """typer reads arguments with pydantic where that is installed, which these cannot help."""
    assert not imported_by(f"from holdfast.cli import main; main({arguments!r})") & HEAVY


def test_the_tab_key_loads_nothing_heavy() -> None:
    asked = (
        "import os; os.environ.update(_HOLDFAST_COMPLETE='complete_bash', COMP_WORDS='holdfast best ', COMP_CWORD='2')"
    )
    run = "from holdfast.cli import main\ntry:\n    main()\nexcept SystemExit:\n    print()"
    assert not imported_by(f"{asked}\n{run}") & HEAVY


@pytest.mark.parametrize(("statement", "most"), [("import holdfast", 1.0), ("import holdfast.cli", 3.0)])
def test_imports_are_quick(statement: str, most: float) -> None:
    """In CPU time beyond an empty interpreter, as a multiple of what typer takes: some 0.2 and 1.6; least of five."""

    def cpu_seconds(program: str) -> float:
        timed = f"import time; began = time.process_time(); {program}; print(time.process_time() - began)"
        done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
        return float(done.stdout)

    turns = [(cpu_seconds(statement), cpu_seconds("import typer")) for _ in range(5)]
    ours, typers = (min(took) for took in zip(*turns, strict=True))
    assert ours < most * typers
