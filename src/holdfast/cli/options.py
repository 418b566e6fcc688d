"""The arguments and options that several commands share, and the examples in their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.complete import plans, studies

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The study's name, as `[study] name` in its plan.", autocompletion=studies),
]
Plan = Annotated[
    Path,
    typer.Argument(metavar="PLAN", help="The plan, such as plan.toml (see docs/plan.md).", autocompletion=plans),
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="The folder of all runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="The storage of a study without a plan, as sqlite:///study.db, or postgresql://user@host/base.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages; results and errors only.")]
Executor = Annotated[
    str | None,
    typer.Option(
        "--executor", metavar="NAME", help="Where trials run: `ray` for a cluster, `fresh` for a process each."
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="The head of the Ray cluster, or `auto` on one of its nodes."),
]
Resources = Annotated[
    str | None,
    typer.Option("--resources", metavar="LIST", help="What each trial needs, as in cpus=2,gpus=1,memory=4GB."),
]

RUNS = Path("runs")


def examples(*lines: str) -> str:
    """An epilogue that teaches by example; the mark in front keeps typer from joining its lines."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
