"""The command that gives a study another space while it is under way."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import RUNS, Json, Plan, Runs
from holdfast.cli.output import aligned, columns, show, show_json

if TYPE_CHECKING:
    from holdfast.protocol.amend import Amendment


def amend(
    plan: Plan,
    *,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is shown on every page.")] = "",
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="NAME=VALUE",
            help="Where earlier trials stand in a hyperparameter that is added; once for each.",
        ),
    ] = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Search another space from here on, on the record.

    Stop the study and change the plan: a hyperparameter may be widened, narrowed, added, or fixed at a plain value, and
    forbid in [search] and the limits on the size of models in [model] may differ, too, but nothing else. `tune` and
    `resume` then go on with the new plan. Earlier trials that do not fit any more are kept and hidden; none can win.

    In what is added, earlier trials stand at what the family's code takes where a plan does not say it, or else at the
    default; --value says it where that is not so. Once there are scores the estimate pays for the choice.
    """
    from holdfast.cli.run import refuse_a_name
    from holdfast.protocol.amend import amend as amend_study
    from holdfast.protocol.folder import RunFolder

    refuse_a_name(plan, runs)
    done = amend_study(plan, why=why, values=dict(map(_value, value or [])), runs=runs)
    if as_json:
        show_json(asdict(done))
    else:
        show(f"{_text(done)}\ngo on with: {RunFolder(runs, done.name).command('resume')}")
    return 0


def _value(text: str) -> tuple[str, Any]:
    """A name and its value, as a plan has it; a word needs no quotes."""
    from holdfast.errors import RequestError

    name, sign, said = text.partition("=")
    if not sign or not name.strip() or not said.strip():
        raise RequestError(f"--value {text!r} is not understood; write it as NAME=VALUE, such as warmup=0")
    try:
        return name.strip(), tomllib.loads(f"value = {said}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), said.strip()


def _text(done: Amendment) -> str:
    """What has changed, and what becomes of earlier trials."""
    from holdfast.facts.numbers import count, listed, shown

    if not done.changes:
        return f"study '{done.name}' goes by the new plan, whose space is the same in other words"
    rows = [[change.name, change.was or "-", change.now or "-"] for change in done.changes]
    table = aligned([["", "was", "is"], *rows], width=columns(sys.stdout))
    lines = [f"study '{done.name}' searches another space from here on: {done.why}", "", table, ""]
    if not done.trials:
        return "\n".join([*lines, "no trial has been asked yet"])
    fit, they = done.trials - done.hidden, "is" if done.hidden == 1 else "are"
    lines.append(f"of {count(done.trials, 'earlier trial')} {fit:,} {'fits' if fit == 1 else 'fit'} into it")
    if done.hidden:
        lines.append(f"{done.hidden:,} {they} hidden: kept on record, unseen by the strategy, and never the winner")
    if done.stand:
        places = listed([f"{name} = {shown(value)}" for name, value in done.stand.items()])
        lines.append(f"in what was added earlier trials stand at {places}")
    lines += [
        f"but they were trained with {name} = {shown(value)}, which lies outside of what is searched now; include it, "
        "or take their scores as those of another value"
        for name, value in done.trained.items()
        if name in done.stand
    ]
    if done.forbidden:
        which = count(done.forbidden, "earlier trial")
        lines.append(f"{which} would be forbidden now; what was tried counts all the same, and can win")
    return "\n".join(lines)
