"""What the checks before the first fit found, for a reader of the report."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.data.leakage.finding import CHECKS, Finding, Findings
from holdfast.facts.blocks import Block, Bullets, Paragraph, Section, Table
from holdfast.facts.log import latest
from holdfast.facts.numbers import count, listed, shortened
from holdfast.study.state import StudyState

TOO_GOOD = ("target", "groups", "duplicates", "near-duplicates", "identifiers", "dates", "looked-at")
"""The checks whose warnings say that a score may be too good, the gravest first."""

TITLE = "Checks before the first fit"


def findings_of(state: StudyState) -> Findings | None:
    """What the checks found; None where the log has none."""
    checked = latest(state, "leakage.checked")
    return None if checked is None else Findings.from_json(checked)


def leakage_section(state: StudyState) -> Section:
    """Every finding with its rows and columns, and the checks that found nothing; no block where none was made."""
    checked, findings = latest(state, "leakage.checked"), findings_of(state)
    if checked is None or findings is None:
        return Section(TITLE, [])
    blocks: list[Block] = [Paragraph(_in_words(findings, checked["checks"]))]
    if findings.found:
        rows = [
            [each.name, severity(each), _sentence(each.text, 600), _where(each), _sentence(each.remedy, 400)]
            for each in findings.found
        ]
        header = ["check", "severity", "what was found", "columns and rows", "what to do"]
        blocks.append(Table(header, rows, "Findings of the checks before the first fit"))
    if findings.limits:
        blocks.append(Bullets([f"In part only: {text}." for text in findings.limits]))
    return Section(TITLE, blocks)


def leakage_alert(state: StudyState) -> str:
    """Which warnings say that a score may be too good, in a sentence; empty if none does."""
    findings = findings_of(state)
    warned = [] if findings is None else [each for each in findings.warnings if each.name in TOO_GOOD]
    if not warned:
        return ""
    first, *others = sorted(warned, key=lambda each: TOO_GOOD.index(each.name))
    names = listed(list(dict.fromkeys(each.name for each in others)))
    more = (
        f" So {'does' if len(others) == 1 else 'do'} {count(len(others), 'more finding')} ({names})." if others else ""
    )
    return f"The scores may be too good, as the check '{first.name}' warns: {shortened(first.text, 300)}.{more}"


def rows_of(finding: Finding) -> str:
    """The first rows that a finding is about, and whether there are more."""
    more = f" and {finding.count - len(finding.rows):,} more" if finding.count > len(finding.rows) else ""
    return f"{', '.join(map(str, finding.rows))}{more}" if finding.rows else ""


def severity(finding: Finding) -> str:
    """The severity of a finding, and whether the plan accepts it."""
    return f"{finding.severity}, accepted" if finding.accepted else finding.severity


def counted(findings: Findings) -> str:
    """How many findings there are, in words.

    >>> counted(Findings(()))
    'nothing found'
    """
    notes = sum(each.severity == "note" for each in findings.found)
    accepted = sum(each.accepted and each.severity == "warning" for each in findings.found)
    parts = [
        count(len(findings.warnings), "warning") if findings.warnings else "",
        f"{accepted:,} accepted by the plan" if accepted else "",
        count(notes, "note") if notes else "",
    ]
    return listed([part for part in parts if part]) or "nothing found"


def _in_words(findings: Findings, checks: Sequence[str]) -> str:
    """What was looked for, and by which check nothing was found."""
    named = {each.name for each in findings.found}
    clean = [f"{name} ({CHECKS[name]})" if name in CHECKS else name for name in checks if name not in named]
    text = (
        f"Before any model was fitted, {count(len(checks), 'check')} looked at the divided table: {counted(findings)}."
    )
    if findings.found:
        text += " Rows are counted from 1 in the table as it was given."
    return f"{text} Nothing was found by {'; '.join(clean)}." if clean else text


def _where(finding: Finding) -> str:
    """The columns and the first rows of a finding."""
    rows = f"rows {rows_of(finding)}" if finding.rows else ""
    return "; ".join(filter(None, [", ".join(map(shortened, finding.columns[:5])), rows]))


def _sentence(text: str, longest: int) -> str:
    """A clause as a sentence of its own."""
    return shortened(f"{text[:1].upper()}{text[1:]}.", longest)
