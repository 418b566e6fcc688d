"""How the data was kept apart: roles, sizes, fingerprints, and every opening of the seal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.data.roles import ROLES
from holdfast.facts.blocks import Alert, Block, Bullets, Paragraph, Section, Table
from holdfast.facts.log import is_governed, is_reopened, latest, openings, withheld
from holdfast.facts.looks import uses_blocks
from holdfast.facts.numbers import count, listed, moment, short_hash, shortened
from holdfast.study.state import StudyState


def protocol_section(state: StudyState) -> Section:
    """The data, its roles, and the seal."""
    if not is_governed(state) and not openings(state):
        text = (
            "The study was run without a plan, as a function of a configuration: holdfast saw no data, and sealed none."
        )
        return Section("The protocol", [Paragraph(text)])
    split = latest(state, "data.split")
    data = [Paragraph("The data has not been split yet.")] if split is None else _data(split)
    return Section("The protocol", [*data, *uses_blocks(state), *_seal(state, split)])


def _data(split: Mapping[str, Any]) -> list[Block]:
    source = split["source"]
    checked = f", sha256 {short_hash(source['sha256'])}" if source["sha256"] else ""
    blocks: list[Block] = [
        Paragraph(f"The data is {source['description']}{checked}. {columns_sentence(split['schema'])}".strip())
    ]
    if split["folds"] is not None:
        blocks.append(Paragraph(f"Validation goes by {count(split['folds'], 'fold')} of the train rows."))
    rows = [
        [role, f"{held['rows']:,}", short_hash(held["fingerprint"]), held["file"] or "", short_hash(held["sha256"])]
        for role, held in sorted(split["roles"].items(), key=_place)
        if held
    ]
    header = ["role", "rows", "fingerprint", "file", "sha256 of the file"]
    blocks.append(Table(header, rows, "What each row of data is for", frozenset({1}), frozenset({2, 4})))
    blocks.append(
        Paragraph(
            "The kinds of the columns and the classes were read off all rows, test rows included; whatever "
            "preprocessing and models learned, they learned from the rows they were trained on."
        )
    )
    if split["notes"]:
        blocks.append(Bullets(split["notes"]))
    if text := sensitive_sentence(split["schema"]):
        blocks.append(Paragraph(text))
    return blocks


def sensitive_sentence(schema: Mapping[str, Any]) -> str:
    """Which columns the plan marks as sensitive, and what that does; empty for a schema that names no columns."""
    columns = schema.get("columns")
    if not columns:
        return ""
    marked = {shortened(column["name"]): bool(column.get("feature")) for column in columns if column.get("sensitive")}
    if not marked:
        return "No column was marked as sensitive in the plan, which does not mean that none is."
    used = [name for name, feature in marked.items() if feature]
    if len(used) in {0, len(marked)}:
        taken = f"the model takes {'each' if used else 'none'} of them" if len(marked) > 1 else ""
        taken = taken or f"the model {'takes it' if used else 'does not take it'}"
    else:
        taken = f"of them the model takes {listed(used)}"
    return f"Sensitive, as the plan marks it: {listed([*marked])}; {taken}. No score here is broken down by that."


def columns_sentence(schema: Mapping[str, Any]) -> str:
    """How many columns the model takes and what is kept beside them; empty for a schema that names none.

    What was left out (constants, what the plan drops) is not in a schema.
    """
    target, columns = schema.get("target"), schema.get("columns")
    if not columns:
        return ""
    features = sum(bool(column.get("feature")) for column in columns)
    kept = sum(column["name"] not in {target, schema.get("weight")} for column in columns) - features
    beside = f"Beside the target '{target}' the" if target is not None else "The"
    text = f"{beside} model takes {count(features, 'column')}"
    text += f"; {kept:,} more {'is' if kept == 1 else 'are'} kept for slices, groups or dates." if kept else "."
    if schema.get("group") is not None:
        text += f" Rows of one '{schema['group']}' stay together."
    if schema.get("time") is not None:
        text += f" The split goes by '{schema['time']}'."
    if schema.get("weight") is not None:
        text += f" Rows count by their '{schema['weight']}', in the fits and in every score."
    return text


def _seal(state: StudyState, split: Mapping[str, Any] | None) -> list[Block]:
    opened = openings(state)
    if not opened:
        if split is None:
            return []
        kept = split["roles"].get("test")
        if kept and (before := withheld(state)):
            return [Alert(f"{before[0].upper()}{before[1:]}.")]
        text = "The test rows are sealed; this study has not opened them." if kept else "No test rows were kept."
        return [Paragraph(text)]
    blocks: list[Block] = [_verdict(state, opened)]
    rows = [
        [
            str(opening["opening"]),
            moment(opening["time"]),
            f"{opening['rows']:,}",
            short_hash(opening["fingerprint"]),
            opening["why"],
            listed(opening["earlier"]) or "none",
        ]
        for opening in opened
    ]
    header = ["opening", "when (UTC)", "rows", "fingerprint", "why", "earlier openings"]
    blocks.append(Table(header, rows, "Openings of the test rows by this study", frozenset({0, 2}), frozenset({3})))
    blocks.append(
        Paragraph(
            "Openings are counted by the fingerprint of the rows across the whole store; a row is known by the names "
            "and values of all its columns, so the same case in a table with other columns is another row. Code of the "
            "user's own that reads the source by itself is outside of what holdfast can count."
        )
    )
    return blocks


def _verdict(state: StudyState, opened: list[Mapping[str, Any]]) -> Block:
    """Whether the rows were opened once and after the choice, as they should be."""
    if any(is_reopened(opening) for opening in opened):
        most = max(opening["opening"] for opening in opened)
        return Alert(f"The test rows have been opened {count(most, 'time')}, not once.")
    choice = latest(state, "choice.made")
    if choice is None or choice["time"] > opened[0]["time"]:
        return Alert("The test rows were opened before the latest choice was on record.")
    return Paragraph("The test rows were opened once, after the choice.")


def _place(item: tuple[str, Any]) -> int:
    """Where a role stands in the order of the protocol."""
    return [*ROLES].index(item[0])  # type: ignore[arg-type]
