"""Write the pages of the documentation that follow from the code: ``python docs/generate.py`` (``--check`` only looks).

A page is a function that returns its text; `PAGES` names the file that each one fills.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from holdfast.study.events import KINDS

DOCS = Path(__file__).parent
NOTICE = "<!-- written by docs/generate.py; change the code, then run it -->"


def events_page() -> str:
    """Every kind of event, by what it is about."""
    lines = [
        NOTICE,
        "# Events",
        "",
        "A study is its log: events in order, each hashed with the one before. These are all kinds of events, and what",
        "they say. An event also has its `index`, its `time` (seconds since 1970, UTC) and its `hash`.",
        "",
        "| event | what it says |",
        "|---|---|",
        *(f"| `{kind}` | {text} |" for kind, text in KINDS.items()),
    ]
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every command with its arguments, options and examples."""
    import typer

    from holdfast.cli.app import app

    root: Any = typer.main.get_command(app)
    lines = [NOTICE, "# The command line", "", *_paragraphs(root.help), "", *_examples(root.epilog), "", *EXITS]
    lines += ["| option | what it is for |", "|---|---|", *map(_parameter, root.params)]
    for name, command in root.commands.items():
        arguments = [parameter for parameter in command.params if not parameter.opts[0].startswith("-")]
        usage = " ".join(["holdfast", name, "[OPTIONS]" if command.params != arguments else "", *_metavars(arguments)])
        lines += ["", f"## {name}", "", f"`{' '.join(usage.split())}`", "", *_paragraphs(command.help), ""]
        lines += ["| argument or option | what it is for |", "|---|---|", *map(_parameter, command.params), ""]
        lines += _examples(command.epilog)
    return "\n".join(lines) + "\n"


EXITS = (
    "| exit code | meaning |",
    "|---|---|",
    "| 0 | done |",
    "| 1 | the work failed, or `verify` or `replay --verify` found a change |",
    "| 2 | the request was wrong; nothing was done |",
    "| 130 | stopped by Ctrl-C; what was told is on record |",
    "",
    "Colours and lines that are drawn over appear on terminals only; `NO_COLOR` and `TERM=dumb` are honoured.",
    "`holdfast --install-completion` teaches bash, zsh, fish or PowerShell the commands, their options, the names of",
    "the studies in the folder of runs (in the one that `--runs` names, if it stands before the name), plans, and the",
    "endings of files.",
    "",
)


def _paragraphs(text: str) -> list[str]:
    """A docstring as Markdown: its first sentence, then its paragraphs; one that keeps its lines is a plan."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        first, *others = [line.strip() for line in paragraph.splitlines()]
        lines += ["```toml", *others, "```", ""] if first == "\b" else [first, *others, ""]
    return lines[:-1]


def _examples(epilog: str) -> list[str]:
    """The examples of a command's help as a block of code."""
    lines = [line for line in epilog.replace("\b", "").splitlines() if line.strip()]
    return ["```console", *(f"$ {line.strip()}" for line in lines[1:]), "```"]


def _metavars(arguments: list[Any]) -> list[str]:
    return [argument.metavar for argument in arguments]


def _parameter(parameter: Any) -> str:
    """A line of the table of a command's arguments and options."""
    if not parameter.opts[0].startswith("-"):
        return f"| `{parameter.metavar}` | {_cell(parameter.help)} |"
    value = f" {parameter.metavar}" if parameter.metavar else ""
    default = "" if parameter.default in (None, False, "", []) else f" By default `{parameter.default}`."
    names = ", ".join(f"`{name}{value}`" for name in parameter.opts)
    return f"| {names} | {_cell(parameter.help)}{default} |"


def plan_page() -> str:
    """Every key of plan.toml, from the classes that read it."""
    from holdfast.protocol.plan import Plan

    lines = [NOTICE, "# plan.toml", "", *PLAN_START]
    for name, field in Plan.model_fields.items():
        lines += ["", f"## {'[[trials]]' if name == 'trials' else f'[{name}]'}", ""]
        table = _table_of(field.annotation)
        if table is None:
            lines += [_cell(field.description or ""), *PLAN_SPACE]
            continue
        needed = "It has to be there." if field.is_required() else "It may be left out."
        lines += [f"{' '.join(table.__doc__.split())} {needed}", "", *_keys(table)]
        for key, inner in table.model_fields.items():
            nested = _table_of(inner.annotation)
            if nested is not None:
                lines += ["", f"### [{name}.{key}]", "", " ".join(nested.__doc__.split()), "", *_keys(nested)]
    return "\n".join(lines) + "\n"


PLAN_START = (
    "What a study is, in one file. Only `[study] name`, `[data] source` and `[model] family` have to be there:",
    "",
    "```toml",
    "[study]",
    'name = "digits"',
    "[data]",
    'source = "sklearn:digits"',
    "split = { train = 0.6, validation = 0.2, test = 0.2 }",
    "[model]",
    'family = "mlp"',
    "[space]",
    "learning_rate = { low = 1e-4, high = 1e-2 }",
    "[search]",
    "trials = 60",
    "```",
    "",
    "The plan with every default filled in is in `runs/NAME/plan.toml`, and its hash is on the log. A study is not",
    "gone on with under a changed plan. Its space alone can be changed, with a reason, by `holdfast amend` (see",
    "[spaces.md](spaces.md#another-space-later)).",
)

PLAN_SPACE = (
    "",
    "```toml",
    "[space]",
    'learning_rate = { type = "float", low = 1e-4, high = 1e-1, log = true }    # replaces, or adds a new one',
    "depth = { high = 3 }                                                       # changes a bound of the default",
    'activation = ["relu", "gelu"]                                              # only these choices',
    "dropout = 0.1                                                              # fixed, no longer searched",
    "```",
    "",
    "A hyperparameter is of type `float` or `int` (`low`, `high`; `log = true` for magnitudes, or a `step`) or",
    '`categorical` (`choices`); any may have a `default`, and `when = { optimizer = ["sgd"] }` for the values of',
    "another one under which it is active.",
)


def _keys(table: Any) -> Iterator[str]:
    """The keys of a table of the plan."""
    yield "| key | type | default | what it is for |"
    yield "|---|---|---|---|"
    for key, field in table.model_fields.items():
        default = "needed" if field.is_required() else _toml(field.get_default(call_default_factory=True))
        yield f"| `{key}` | {_type(field)} | {default} | {_cell(field.description or '')} |"


def _type(field: Any) -> str:
    """The type of a key in words, with its bounds."""
    at_least = [f"at least {bound.ge}" for bound in field.metadata if hasattr(bound, "ge")]
    more_than = [f"more than {bound.gt}" for bound in field.metadata if hasattr(bound, "gt")]
    return ", ".join([_words(field.annotation), *at_least, *more_than])


def _words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{word}"`' for word in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return _words(next(part for part in get_args(annotation) if part is not type(None)))
    if _table_of(annotation) is not None:
        return "table"
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return plain.get(annotation) or {dict: "table", tuple: "list"}[get_origin(annotation)]


def _table_of(annotation: Any) -> Any:
    """The table of the plan inside an annotation; None if there is none."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_of(part)) is not None), None)


def _toml(value: Any) -> str:
    """A default as it would stand in a plan."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return f"`{{ {', '.join(f'{key} = {item}' for key, item in value.items())} }}`" if value else "`{}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{list(value) if isinstance(value, tuple) else value}`"


def _cell(text: str) -> str:
    """A text that may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "events.md": events_page,
    "cli.md": cli_page,
    "plan.md": plan_page,
}


def outdated() -> list[str]:
    """The files whose text is not what their page says now."""
    return [name for name, page in PAGES.items() if not _is_current(DOCS / name, page())]


def main(arguments: list[str]) -> int:
    """Write every page, or with ``--check`` name the outdated ones; 1 if there are any."""
    if arguments == ["--check"]:
        for name in outdated():
            sys.stderr.write(f"docs/{name} is out of date; run: python docs/generate.py\n")
        return int(bool(outdated()))
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
