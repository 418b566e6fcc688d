"""Make customers.csv: 400 customers that do not exist, with gaps, categories, dates and a boolean."""

from __future__ import annotations

import csv
import io
import sys
from datetime import date, timedelta

import numpy as np

ROWS = 400
COLUMNS = ("customer", "since", "region", "contract", "age", "monthly_spend", "calls", "newsletter", "left")


def make_customers(seed: int = 0) -> str:
    """The table as CSV; the same seed gives the same text."""
    rng = np.random.default_rng(seed)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number in range(ROWS):
        days = int(rng.integers(0, 2000))
        contract = rng.choice(["monthly", "yearly", "two years"], p=[0.5, 0.35, 0.15])
        age = int(np.clip(rng.normal(45, 15), 18, 90))
        spend = float(np.round(rng.lognormal(3.3, 0.5), 2))
        calls = int(rng.poisson(1.2))
        newsletter = bool(rng.random() < 0.4)
        # Those who leave have short contracts, call often, pay much and joined lately.
        odds = 1.1 * (contract == "monthly") + 0.6 * calls + 0.02 * spend - 0.001 * days - 0.5 * newsletter - 1.2
        left = "yes" if rng.random() < 1 / (1 + np.exp(-odds)) else "no"
        region = rng.choice(["north", "south", "east", "west"])
        writer.writerow(
            [
                1000 + number,
                date(2019, 1, 1) + timedelta(days=2000 - days),
                "" if rng.random() < 0.05 else region,
                contract,
                "" if rng.random() < 0.08 else age,
                "" if rng.random() < 0.04 else spend,
                calls,
                str(newsletter).lower(),
                left,
            ]
        )
    return text.getvalue()


if __name__ == "__main__":
    sys.stdout.write(make_customers())
