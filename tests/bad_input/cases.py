"""Every bad input by topic, and the page of the documentation that shows what holdfast says to each.

``python tests/bad_input/cases.py --write`` asks holdfast and writes docs/bad-input.md.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input import (
        cluster_cases,
        fidelity_cases,
        model_cases,
        network_cases,
        own_cases,
        plan_cases,
        server_cases,
        study_cases,
        table_cases,
        training_cases,
        weight_cases,
    )
    from tests.bad_input.bench import Case, ask
else:
    import cluster_cases
    import fidelity_cases
    import model_cases
    import network_cases
    import own_cases
    import plan_cases
    import server_cases
    import study_cases
    import table_cases
    import training_cases
    import weight_cases
    from bench import Case, ask

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"

TOPICS: dict[str, list[Case]] = {
    "The file of the plan": plan_cases.FILES,
    "The keys of the plan": plan_cases.KEYS,
    "Prices and budgets": plan_cases.BUDGETS,
    "The space": plan_cases.SPACE,
    "The file of the table": table_cases.FILES,
    "The columns": table_cases.COLUMNS,
    "The target": table_cases.TARGET,
    "The split": table_cases.SPLIT,
    "Weights of rows": weight_cases.WEIGHING,
    "The study": study_cases.STUDIES,
    "A finished study": study_cases.RESULTS,
    "The disk": study_cases.DISKS,
    "Where a study is kept": server_cases.PLACES,
    "A server": server_cases.SERVERS,
    "Networks": network_cases.NETWORKS,
    "Training": training_cases.TRAINING,
    "Partial training": fidelity_cases.PARTIAL,
    "Your own code": own_cases.CODE,
    "The size of the model": model_cases.LIMITS,
    "A model to inspect": model_cases.MODELS,
    "A cluster": cluster_cases.CLUSTERS,
    "The command line": study_cases.COMMANDS,
}

CASES = {f"{topic}: {case.what}": case for topic, cases in TOPICS.items() for case in cases}
"""Every case by its name."""

START = """\
<!-- written by tests/bad_input/cases.py --write, from what holdfast says; a test compares the two -->
# Bad input

What holdfast says when it is asked for something that cannot be: one sentence on stderr with the place and the remedy,
and nothing on stdout. Unless it says otherwise the exit code is 2, nothing has been done, and a study that is there
already stays as it is. Where the exit code is 1 the request was right and the work failed: what is on record is kept,
and the same command goes on with it.

The tables and plans are small changes of one that is in order: `holdfast tune plan.toml`, where plan.toml names
table.csv with the columns x1, x2, colour and the target y.
"""


def page(said: Mapping[str, str]) -> str:
    """The page, from what holdfast says to each case by its name."""
    lines = [START]
    for topic, cases in TOPICS.items():
        lines += [f"## {topic}", ""]
        for case in cases:
            lines += [_entry(case, said[f"{topic}: {case.what}"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def read_page() -> dict[str, str]:
    """What the page shows by the name of the case."""
    said = {}
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        topic = section.partition("\n")[0]
        for what, sentence in re.findall(r"^\*\*(.*?)\*\*.*?^> (.*?)$", section, flags=re.MULTILINE | re.DOTALL):
            said[f"{topic}: {what}"] = _unescaped(sentence)
    return said


def _entry(case: Case, sentence: str) -> str:
    """A case on the page: what is wrong, the lines that are, and what holdfast says."""
    command = " ".join(case.command)
    shown = "" if command == "tune plan.toml" else f", `holdfast {command}`"
    code = "" if case.code == 2 else f" (exit code {case.code})"
    lines = [f"**{case.what}**{shown}{code}", ""]
    if case.shown:
        lines += ["```", *case.shown.splitlines(), "```", ""]
    return "\n".join([*lines, f"> {_escaped(sentence)}"])


def _escaped(text: str) -> str:
    """A sentence as Markdown shows it word for word."""
    return re.sub(r"([\\`*<]|_(?=_)|(?<=_)_)", r"\\\1", text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def main() -> None:
    """Ask holdfast for every sentence and write the page."""
    said = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            said[name] = ask(case, Path(folder).resolve()).sentence
    PAGE.write_text(page(said), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/bad_input/cases.py --write")
    main()
