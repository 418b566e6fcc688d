"""What a study came to, as a table of three scores or as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from holdfast.cli.output import aligned, columns, say, show, show_json
from holdfast.facts.folds import folds_meaning, folds_sentence
from holdfast.facts.log import limit_reached, metric_of, three_scores, weighed, weight_of, winner_of
from holdfast.facts.numbers import better, number, percent, shown
from holdfast.facts.spending import spending
from holdfast.facts.standing import alerts
from holdfast.facts.winner import course_sentence, luck_sentence
from holdfast.protocol.folder import RunFolder, find_run, open_book
from holdfast.protocol.tune import Result
from holdfast.records import Config, Score
from holdfast.study.book import Book


def outcome_json(result: Result, runs: Path) -> dict[str, Any]:
    """The outcome as JSON values."""
    book = open_book(find_run(runs, result.name))
    return _json(result, book, _missing(result, book))


def show_outcome(
    result: Result, runs: Path, *, as_json: bool, paths: bool, config: bool = False, luck: bool = True
) -> None:
    """Print the three scores side by side, and (``paths``, on stderr) where everything is."""
    if as_json:
        show_json(outcome_json(result, runs))
        return
    book = open_book(find_run(runs, result.name))
    missing = _missing(result, book)
    metric = metric_of(book.state)
    show(f"{metric.name} ({better(metric.direction)}{weighed(book.state)}) of study '{result.name}':")
    show("")
    show(score_table(result))
    texts = [f"no {name}: {why}" for name, why in missing.items()]
    dropped = f"{folds_sentence(book.state)} {folds_meaning(book.state)}".strip()
    texts += [luck_sentence(book.state) if luck else "", dropped, limit_reached(book.state), *alerts(book.state)]
    for text in filter(None, texts):
        show("")
        show(aligned([[text]], indent="", width=columns(sys.stdout)))
    if config:
        winner = winner_of(book.state)
        show("")
        show(_config_table(result.best_config, winner))
        if winner is not None and (course := course_sentence(book.state, winner)):
            show("")
            show(aligned([[course]], indent="", width=columns(sys.stdout)))
    if paths:
        _say_where(result, book)


def _scores(result: Result) -> dict[str, Score | None]:
    """The three scores, and that of the procedure where there is one."""
    three = {"naive": result.naive, "estimate": result.estimate, "test": result.test}
    return three if result.procedure is None else {**three, "procedure": result.procedure}


def score_table(result: Result) -> str:
    """Naive score, estimate and test side by side: value, interval, rows, and what each is about."""
    scores = _scores(result)
    levels = {score.level for score in scores.values() if score is not None}
    rows = [
        ["", *scores],
        ["score", *(_cell(score, lambda s: number(s.value)) for score in scores.values())],
        [f"{percent(max(levels))} interval", *(_cell(score, _interval) for score in scores.values())],
        ["rows", *(_cell(score, lambda s: f"{s.n:,}") for score in scores.values())],
    ]
    return aligned(rows)


def _cell(score: Score | None, text: Any) -> str:
    return "-" if score is None else str(text(score))


def _interval(score: Score) -> str:
    return "-" if score.low is None or score.high is None else f"[{number(score.low)}, {number(score.high)}]"


def _config_table(config: Config, winner: Any) -> str:
    title = f"hyperparameters of trial {winner.number}:"
    return f"{title}\n\n{aligned([[name, shown(value)] for name, value in config.items()])}"


def _missing(result: Result, book: Book) -> dict[str, str]:
    """Why there is no estimate or no test score."""
    missing = dict(three_scores(book.state).missing)
    said = [text for text in result.missing if text != missing.get("estimate")]
    if "test" in missing and said:
        missing["test"] = said[-1]
    return missing


def _files(result: Result) -> dict[str, str]:
    """What there is to look at, by what it is."""
    names = {
        "summary": "summary.md",
        "report": "report.html",
        "trials": "trials.csv",
        "card": "MODEL_CARD.md",
        "model": "model",
    }
    paths = {key: result.folder / name for key, name in names.items()}
    return {key: str(path) for key, path in paths.items() if path.exists()}


def _say_where(result: Result, book: Book) -> None:
    files = _files(result)
    lines = [[key, path] for key, path in files.items()]
    spent = [item.words() for item in spending(book.state) if item.spent.value is not None or item.allowed is not None]
    if spent:
        lines.append(["spent", ", ".join(spent)])
    lines.append(["head", book.head.hash])
    run = RunFolder(result.folder.parent, result.name)
    sys.stdout.flush()  # in one file with the scores, these lines come after them
    say("")
    say(aligned(lines))
    say("")
    say(f"why this one won: {run.command('best', '--why')}")
    verify = run.command("verify", "--head", "...")
    say(f"keep the head; it proves later that nothing was changed: {verify}")


def _json(result: Result, book: Book, missing: dict[str, str]) -> dict[str, Any]:
    metric, winner = metric_of(book.state), winner_of(book.state)
    made = book.state.notes["estimate.made"][-1]
    scores = _scores(result)
    return {
        "name": result.name,
        "folder": str(result.folder),
        "metric": metric.name,
        "direction": metric.direction,
        "weight": weight_of(book.state),
        "trial": None if winner is None else winner.number,
        "config": json.loads(json.dumps(result.best_config)),
        **{name: None if score is None else score.to_json() for name, score in scores.items()},
        "luck": made["luck"],
        "missing": missing,
        "limit_reached": limit_reached(book.state) or None,
        "dropped": folds_sentence(book.state) or None,
        "alerts": alerts(book.state),
        "findings": [finding.to_json() for finding in result.findings],
        "spending": {item.name: item.to_json() for item in spending(book.state)},
        "files": _files(result),
        "head": {"length": book.head.length, "hash": book.head.hash},
    }
