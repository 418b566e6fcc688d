"""Do the checks before the first fit find what was planted, and stay silent where nothing was?

    python benchmarks/leakage.py [--seeds 10] [TABLE.csv:TARGET ...]

For each table (those of scikit-learn, and files that are named with their target; a column of texts is added as
``TABLE.csv:TARGET:TEXT``) and each seed, the rows are divided anew. `as it is` counts the divisions in which a check
warned of the table as it came. Then one leak at a time is planted, and `found` counts the divisions in which the check
that should find it warned:

- copies: 2% of the rows are another row of the table, all cells of it;
- near copies: the same, with every number moved by 0.1% of its standard deviation;
- groups: each row comes three times under one key, with every number moved by a fifth of its standard deviation;
- stand-in: a column that is the target, except in 1% of the rows, where it is that of another row;
- row number: a column that counts the rows, in disorder.

The last table is the time of one look at 100,000 rows of 50 columns.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.data.columns import infer_schema
from holdfast.data.convert import to_numbers
from holdfast.data.features import encode_target, has_target
from holdfast.data.leakage.check import find_leakage
from holdfast.data.leakage.finding import CHECKS
from holdfast.data.roles import SplitPlan, assign_roles
from holdfast.data.source import TARGET, TOY_TABLES, load_source
from holdfast.meter.machine import machine_words

Plant = Callable[[pl.DataFrame, str, np.random.Generator], pl.DataFrame]


def warned(frame: pl.DataFrame, target: str, texts: list[str], seed: int) -> set[str]:
    """The checks that warn of a table when it is divided at random."""
    schema = infer_schema(frame, target, overrides=dict.fromkeys(texts, "text"))
    frame = frame.filter(has_target(schema, frame))
    y = encode_target(schema, frame)
    found = find_leakage(schema, frame, y, assign_roles(schema, frame, y, SplitPlan(seed=seed)), seed=seed)
    return {each.name for each in found.warnings}


def numbers_of(source: str, target: str, texts: list[str]) -> pl.DataFrame:
    """A table with its numbers as numbers, for a file may spell them as texts."""
    frame = load_source(source, base=Path()).frame
    schema = infer_schema(frame, target, overrides=dict.fromkeys(texts, "text"))
    kinds = {column.name: column.kind for column in schema.columns}
    return pl.DataFrame([to_numbers(series) if kinds.get(series.name) == "numeric" else series for series in frame])


def moved(frame: pl.DataFrame, target: str, rows: np.ndarray, share: float, rng: np.random.Generator) -> pl.DataFrame:
    """The numbers of some rows moved by a share of their standard deviation."""
    columns = []
    for series in frame:
        if series.name == target or not series.dtype.is_float():
            columns.append(series)
            continue
        values = series.fill_null(float("nan")).to_numpy().copy()
        values[rows] += share * np.nanstd(values) * rng.normal(size=len(rows))
        columns.append(pl.Series(series.name, values))
    return pl.DataFrame(columns)


def copies(frame: pl.DataFrame, _target: str, rng: np.random.Generator) -> pl.DataFrame:
    """2% of the rows are another row."""
    return _copied(frame, rng)[0]


def near_copies(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
    """2% of the rows are nearly another row."""
    copied, rows = _copied(frame, rng)
    return moved(copied, target, rows, 1e-3, rng)


def keyed(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
    """Every row three times under one key."""
    taken = np.repeat(rng.permutation(frame.height)[: max(frame.height // 3, 40)], 3)
    grown = moved(frame[taken], target, np.arange(len(taken)), 0.2, rng)
    return grown.with_columns(pl.Series("which", rng.permutation(frame.height * 9)[taken]))[rng.permutation(len(taken))]


def stand_in(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
    """A column that nearly is the target."""
    values = frame[target].to_numpy().copy()
    wrong = rng.choice(len(values), max(len(values) // 100, 1), replace=False)
    values[wrong] = values[rng.permutation(len(values))[: len(wrong)]]
    return frame.with_columns(pl.Series("outcome_code", values))


def row_number(frame: pl.DataFrame, _target: str, rng: np.random.Generator) -> pl.DataFrame:
    """A column that counts the rows, in disorder."""
    return frame.with_columns(pl.Series("n", rng.permutation(frame.height) + 1))


def _copied(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    many = max(frame.height // 50, 5)
    rows = rng.choice(frame.height, 2 * many, replace=False)
    taken = np.arange(frame.height)
    taken[rows[:many]] = rows[many:]
    return frame[taken], rows[:many]


PLANTS: dict[str, tuple[str, Plant]] = {
    "copies": ("duplicates", copies),
    "near copies": ("near-duplicates", near_copies),
    "groups": ("groups", keyed),
    "stand-in": ("target", stand_in),
    "row number": ("identifiers", row_number),
}


def seconds_of_a_large_table() -> float:
    """Processor seconds of all checks on 100,000 rows of 50 columns: numbers, whole numbers, categories, a date."""
    rng, n = np.random.default_rng(0), 100_000
    columns: dict[str, Any] = {f"number{i}": rng.normal(size=n) for i in range(25)}
    columns |= {f"whole{i}": rng.integers(0, 50_000, size=n) for i in range(10)}
    columns |= {f"category{i}": rng.choice(list("abcdefgh"), size=n) for i in range(14)}
    columns["date"] = np.datetime64("2020-01-01") + rng.integers(0, 1000, size=n).astype("timedelta64[D]")
    columns["y"] = np.where(columns["number0"] + rng.normal(size=n) > 0, "yes", "no")
    frame = pl.DataFrame(columns)
    frame = pl.concat([frame[:-500], frame[:500]])  # some copies, so that chance has to be asked
    schema = infer_schema(frame, "y")
    y = encode_target(schema, frame)
    roles = assign_roles(schema, frame, y, SplitPlan())
    began = time.process_time()
    find_leakage(schema, frame, y, roles)
    return time.process_time() - began


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE.csv:TARGET[:TEXT]")
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    texts: list[str] = []
    tables = [(name, numbers_of(f"sklearn:{name}", TARGET, texts), TARGET, texts) for name in TOY_TABLES]
    for each in asked.tables:
        path, target, *texts = each.split(":")
        name = Path(path).stem if Path(path).stem != "data" else Path(path).parent.name
        tables.append((name, numbers_of(path, target, texts), target, texts))
    print(f"{machine_words()}; {asked.seeds} divisions of each table")
    print(f"{'table':20} {'rows':>6}  {'as it is, by check':44} " + "  ".join(f"{name:>11}" for name in PLANTS))
    for name, frame, target, texts in tables:
        alarms: Counter[str] = Counter()
        found: Counter[str] = Counter()
        for seed in range(asked.seeds):
            as_it_is = warned(frame, target, texts, seed)
            alarms.update(as_it_is)
            for plant, (check, change) in PLANTS.items():
                leaky = change(frame, target, np.random.default_rng(seed))
                found[plant] += check in warned(leaky, target, texts, seed)
        said = ", ".join(f"{check} {alarms[check]}" for check in CHECKS if alarms[check]) or "nothing"
        print(
            f"{name:20} {frame.height:6}  {said:44} " + "  ".join(f"{found[plant]:11}" for plant in PLANTS), flush=True
        )
    print(f"100,000 rows of 50 columns: {seconds_of_a_large_table():.2f} s of a processor")


if __name__ == "__main__":
    main()
