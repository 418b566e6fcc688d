"""What the checks before the first fit have found, on the terminal."""

from __future__ import annotations

from holdfast.cli.output import aligned
from holdfast.data.leakage.finding import Finding, Findings
from holdfast.facts.leakage import counted, rows_of, severity


def findings_text(findings: Findings, width: int | None) -> str:
    """The findings as lines of at most ``width`` columns: what was found, which rows, what to do."""
    title = f"checks before the first fit: {counted(findings)}"
    if not findings.found:
        return title
    rows = [line for finding in findings.found for line in _lines(finding)]
    return f"{title}\n\n{aligned(rows, width=width)}"


def _lines(finding: Finding) -> list[list[str]]:
    lines = [[severity(finding), finding.name, finding.text]]
    if finding.rows:
        lines.append(["", "", f"rows {rows_of(finding)}"])
    return [*lines, ["", "", f"-> {finding.remedy}"]]
