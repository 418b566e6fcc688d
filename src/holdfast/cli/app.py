"""All commands under one name, in the order in which a person needs them. Nothing heavy is imported before one runs."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli import (
    amend,
    card,
    doctor,
    inspect,
    lr_find,
    plan,
    predict,
    replay,
    report,
    run,
    show,
    status,
    verify,
    worker,
)
from holdfast.cli.options import examples

_START = examples(
    "holdfast plan plan.toml          # what it will take, before anything runs",
    "holdfast tune plan.toml          # search, choose, estimate, test",
    "holdfast status digits --follow  # how far it is, while it runs",
    "holdfast best digits --why       # the winner, its scores, and why it won",
    "holdfast predict digits new.csv --out predictions.csv",
)

app = typer.Typer(
    name="holdfast",
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True, epilog=_START)
def holdfast(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Tune hard, report a number that holds.

    A plan.toml names a table, a model and a metric. `holdfast tune` finds good hyperparameters on validation rows,
    takes the luck of having been picked off the winner's score, and opens the sealed test rows once. All of it goes to
    runs/NAME: report.html, MODEL_CARD.md, trials.csv, the model, and study.db, the log that the rest is drawn from.

    Data goes to stdout, messages to stderr; an error is one sentence. Exit codes: 0 done, 1 the work failed, 2 the
    request was wrong and nothing was done, 130 stopped by Ctrl-C.
    """
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"holdfast {version_of('holdfast')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


app.command(
    epilog=examples(
        "holdfast plan plan.toml                # times at most two trials",
        "holdfast plan plan.toml --no-timing    # runs nothing at all",
        "holdfast plan plan.toml --json > price.json",
    )
)(plan.plan)
app.command(
    name="lr-find",
    epilog=examples(
        "holdfast lr-find plan.toml          # a range to search, its picture",
        "holdfast lr-find plan.toml --high 100 --repeats 5 --out rates.svg",
        "holdfast lr-find plan.toml --json > rates.json",
    ),
)(lr_find.lr_find)
app.command(
    epilog=examples(
        "holdfast tune plan.toml                # three scores, and the rest",
        "holdfast tune plan.toml --runs experiments --quiet",
        "holdfast tune plan.toml --json > result.json",
    )
)(run.tune)
app.command(
    epilog=examples(
        "holdfast resume digits",
        "holdfast resume digits --runs experiments",
    )
)(run.resume)
app.command(
    epilog=examples(
        'holdfast amend plan.toml --why "the best trials lie at the upper bound"',
        'holdfast amend plan.toml --why "training diverges" --value warmup=0',
    )
)(amend.amend)
app.command(
    epilog=examples(
        "holdfast worker digits --jobs 4        # beside holdfast tune",
        "holdfast worker mine --storage sqlite:///study.db --objective train:loss",
    )
)(worker.worker)
app.command(
    epilog=examples(
        "holdfast status                   # all studies in runs, the latest first",
        "holdfast status digits",
        "holdfast status digits --follow   # until the study is at its end",
        "holdfast status mine --storage sqlite:///study.db",
    )
)(status.status)
app.command(
    epilog=examples(
        "holdfast best digits",
        "holdfast best digits --why             # and is that more than noise?",
        "holdfast best digits --json > best.json",
    )
)(show.best)
app.command(
    epilog=examples(
        "holdfast unseal digits",
        'holdfast unseal digits --again --why "a feature had a bug"',
    )
)(run.unseal)
app.command(
    epilog=examples(
        "holdfast predict customers new.csv",
        "holdfast predict customers new.parquet --proba --out predictions.csv",
        "holdfast predict customers new.csv --json > predictions.json",
        "holdfast predict mine new.csv --trust my_models.Forest",
    )
)(predict.predict)
app.command(
    epilog=examples(
        "holdfast report digits",
        "holdfast report digits --runs /data/runs --out pages",
        "holdfast report mine --storage sqlite:///study.db",
    )
)(report.report)
app.command(
    epilog=examples(
        "holdfast card digits",
        "holdfast card digits --check          # what a person still has to write",
        "holdfast card mine --storage sqlite:///study.db --out MODEL_CARD.md",
    )
)(card.card)
app.command(
    epilog=examples(
        "holdfast export digits trials.csv",
        "holdfast export digits trials.parquet",
        "holdfast export digits - --format json > trials.json",
    )
)(show.export)
app.command(
    epilog=examples(
        "holdfast verify digits",
        "holdfast verify digits --head 3f9c...   # 64 digits, from the report",
        "holdfast verify mine --storage sqlite:///study.db",
    )
)(verify.verify)
app.command(
    epilog=examples(
        "holdfast replay digits            # what was decided, and on what",
        "holdfast replay digits --verify   # all of it again: is it the same?",
        "holdfast replay mine --verify --storage sqlite:///study.db",
    )
)(replay.replay)
app.command(
    epilog=examples(
        "holdfast inspect mlp:784-256-128-10",
        "holdfast inspect gpt2 --batch 8 --optimizer adam --rows 1000000",
        "holdfast inspect model.safetensors     # its header only",
        "holdfast inspect digits                # the winner of a study",
        "holdfast inspect plan.toml --json",
    )
)(inspect.inspect)
app.command(
    epilog=examples(
        "holdfast doctor",
        "holdfast doctor --json",
        "holdfast doctor digits --salvage   # where the file of its log was damaged",
        "holdfast doctor --salvage --storage sqlite:///study.db",
    )
)(doctor.doctor)
