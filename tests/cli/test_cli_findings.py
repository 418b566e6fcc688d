"""What the checks before the first fit found, on the terminal, in the log and in strict plans; the page shows it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.cli.findings import findings_text
from holdfast.data.leakage.finding import CHECKS, Finding, Findings

Call = Callable[..., Any]

PAGE = Path(__file__).parents[2] / "docs" / "leakage.md"
PLAN = """
[study]
name = "visits"
[data]
source = "visits.csv"
target = "ill"
[model]
family = "logistic"
[search]
trials = 2
strategy = "random"
"""


def block(language: str) -> str:
    """The page's first block in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def example() -> tuple[dict[str, Any], str]:
    """The names that the page's code defines, and what it prints."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(block("python"), "page", "exec"), names)
    return names, said.getvalue()


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's table as a file, and a plan on it, in the working directory."""
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(example()[0]["table"]).write_csv("visits.csv")
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    return plan


def checks_in(text: str) -> str:
    """The part of a command's output that is about the checks, without its line breaks."""
    part = re.search(r"checks before the first fit: .*?(?=\n\n\S|\Z)", text, re.DOTALL)
    assert part is not None
    return " ".join(part[0].split())


def test_the_code_of_the_page_says_what_is_shown() -> None:
    assert example()[1] == block("text")


def test_the_page_has_every_check() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == list(CHECKS)


def test_plan_and_tune_say_what_the_page_shows_and_the_log_holds_it(call: Call, visits: Path) -> None:
    planned = call("plan", visits, "--no-timing")
    assert planned.returncode == 0
    assert checks_in(planned.stdout) == checks_in(block("console"))
    tuned = call("tune", visits)
    assert tuned.returncode == 0
    assert checks_in(tuned.stderr) == checks_in(block("console"))
    assert tuned.stderr.index("checks before") < tuned.stderr.index("of 2 trials")
    assert "The scores may be too good, as the check 'target' warns" in " ".join(tuned.stdout.split())
    report = (visits.parent / "runs" / "visits" / "summary.md").read_text(encoding="utf-8")
    assert "## Checks before the first fit" in report
    assert "'patient', which looks like the key of groups" in report
    assert report.index("The scores may be too good") < report.index("## The three scores")


def test_json_has_the_findings(call: Call, visits: Path) -> None:
    found = json.loads(call("plan", visits, "--no-timing", "--json").stdout)["findings"]
    assert [each["name"] for each in found] == ["duplicates", "groups", "target", "size"]
    assert found[1]["columns"] == ["patient"]


def test_strict_refuses_until_all_is_accepted(call: Call, visits: Path) -> None:
    strict = PLAN.replace("[model]", 'strict = true\naccept = ["duplicates", "groups:patient", "size"]\n[model]')
    visits.write_text(strict, encoding="utf-8")
    answer = call("tune", visits)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "plan.toml, line 7: the check 'target' has found that 'ward' alone explains" in answer.stderr
    assert "or say accept = ['target:ward']" in answer.stderr
    assert not (visits.parent / "runs" / "visits").exists()
    visits.write_text(strict.replace('"size"', '"size", "target:ward"'), encoding="utf-8")
    answer = call("plan", visits, "--no-timing")
    assert answer.returncode == 0
    assert "checks before the first fit: 4 accepted by the plan" in answer.stdout


def test_nothing_found_is_said_in_a_line() -> None:
    assert findings_text(Findings(()), 80) == "checks before the first fit: nothing found"


def test_a_narrow_terminal_breaks_sentences() -> None:
    finding = Finding("dates", "warning", "one two three four five six seven", "do it", ("day",), (1, 2), 9)
    lines = findings_text(Findings((finding,)), 44).splitlines()
    assert max(map(len, lines)) <= 44
    assert any("rows 1, 2 and 7 more" in line for line in lines)
