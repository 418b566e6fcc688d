"""What a study ran on, and how to do it again: versions, commit, plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from holdfast.facts.blocks import Block, Command, Paragraph, Section, Table
from holdfast.facts.log import latest
from holdfast.facts.numbers import shortened
from holdfast.facts.record import environment_rows
from holdfast.study.book import Book
from holdfast.study.state import StudyState

PRIVATE = ("study.storage",)
"""Keys of a plan that stay off the card: an address may hold a password."""


def environment_section(book: Book) -> Section:
    """The versions, the machine and the code; no path of the machine is given away."""
    return Section("Environment", [Table(["what", "which"], environment_rows(book), "Environment")])


def reproduction_section(state: StudyState) -> Section:
    """The command, the plan with every default, and what has to be the same."""
    plan = latest(state, "plan.resolved")
    if plan is None:
        text = (
            f"The study had no plan, so that no command repeats it: its own code does, with seed {state.settings.seed}."
        )
        return Section("Reproduction", [Paragraph(text)])
    name = "plan.toml" if plan["path"] is None else PureWindowsPath(str(plan["path"])).name
    blocks: list[Block] = [
        Command(f"holdfast tune {name} --runs reproduction"),
        Paragraph(_conditions(state, plan)),
        Table(["key", "value"], _keys(plan["plan"]), "The plan, every default filled in", code=frozenset({1})),
    ]
    return Section("Reproduction", blocks)


def _conditions(state: StudyState, plan: Mapping[str, Any]) -> str:
    workers = plan["plan"].get("search", {}).get("workers", 1)
    same = "the same data, code and versions give the same search"
    if workers > 1:
        same = f"with {workers} workers the order in which trials end may change what is proposed next"
    return (
        f"The seed is {state.settings.seed}, and {same}. The sha256 of the plan below, as canonical JSON with every "
        f"default, is {plan['sha256']}. In another folder of runs the same test rows are opened anew; in the same one "
        "the study is found as it is."
    )


def _keys(plan: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    """Nested keys as rows of (path, value as JSON); tables that are empty are left out."""
    rows: list[list[str]] = []
    for key, value in plan.items():
        path = f"{prefix}{key}"
        if path in PRIVATE or value in (None, {}, []):
            continue
        if isinstance(value, Mapping):
            rows += _keys(value, f"{path}.")
        else:
            rows.append([path, shortened(json.dumps(value, ensure_ascii=False), 300)])
    return rows
