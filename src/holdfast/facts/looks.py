"""Which rows were used when, for what and how often, and who had looked at them before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Block, Paragraph, Table
from holdfast.facts.log import latest, openings
from holdfast.facts.numbers import count, listed, moment
from holdfast.study.ranking import scored_trials
from holdfast.study.state import StudyState

NOT_COUNTED = "not counted"
"""In logs from before looks were counted."""


def uses_blocks(state: StudyState) -> list[Block]:
    """A table of every use of the rows by this study; nothing before the first one."""
    split = latest(state, "data.split")
    if split is None or not state.trials:
        return []
    rows = [
        *_of_the_search(state, split),
        *_of_the_choice(state, split),
        *_of_the_model(state, split),
        *_of_test(state),
    ]
    header = ["rows", "for what", "configurations", "when (UTC)", "looked at before"]
    table = Table(header, rows, "Every use of the rows by this study", frozenset({2}))
    text = (
        "Looks are counted by the fingerprints of the rows in the whole store, whatever they were for. Select rows pay "
        "for each configuration that was ever compared on them, test rows for each opening."
    )
    return [table, Paragraph(text)]


def looked_before(state: StudyState) -> str:
    """That select rows had been looked at before, in a sentence; empty if they had not."""
    look = _looks(state).get("select")
    if look is None or not look["earlier"]:
        return ""
    return (
        f"The select rows had been looked at before the finalists were compared on them, with "
        f"{count(look['before'], 'configuration')}. The estimate pays for these, too, as if each "
        "could have won: it is the worse for it, and its interval the wider."
    )


def compared_words(state: StudyState, made: Mapping[str, Any]) -> str:
    """How many configurations the estimate of an event pays for, and how many of them in looks before this study's."""
    among, look = count(made["n_configurations"], "configuration"), _looks(state).get("select")
    earlier = look is not None and bool(look["before"]) and bool((latest(state, "choice.made") or {}).get("finalists"))
    return f"{among}, {look['before']:,} of them in earlier looks at these rows," if look and earlier else among


def _looks(state: StudyState) -> dict[str, Mapping[str, Any]]:
    """The looks of the choice by their role; none without a choice, or in a log from before they were counted."""
    choice = latest(state, "choice.made") or {}
    return {look["role"]: look for look in choice.get("looks", [])}


def _of_the_search(state: StudyState, split: Mapping[str, Any]) -> list[list[str]]:
    """What trials learned from, and what they were judged on."""
    tried, scored = len(state.trials), len(scored_trials(state))
    when = _span(state.trials[0].asked_at, max(trial.told_at or trial.asked_at for trial in state.trials))
    before = _before(_looks(state).get("validation"))
    plan = (latest(state, "plan.resolved") or {}).get("plan", {})
    if split["folds"] is not None:
        found = [
            ["train", "to learn from and to judge trials on, fold by fold", f"{scored:,} of {tried:,}", when, before]
        ]
    elif plan.get("data", {}).get("split", {}).get("reshuffle"):
        each = "to learn from and to judge on, drawn anew for each trial"
        found = [["train and validation", each, f"{scored:,} of {tried:,}", when, before]]
    else:
        found = [
            ["train", "to learn from in trials", f"{tried:,}", when, ""],
            ["validation", "to judge trials on", f"{scored:,}", when, before],
        ]
    if outer := state.notes.get("procedure.scored", []):
        all_open = listed([role for role in ("train", "validation", "select") if split["roles"].get(role)])
        searches = f"a search in each of {count(len(outer), 'outer fold')}, judged on it"
        found.append([all_open, searches, f"{len(outer):,}", _span(outer[0]["time"], outer[-1]["time"]), ""])
    return found


def _of_the_choice(state: StudyState, split: Mapping[str, Any]) -> list[list[str]]:
    """The finalists on the select rows, also where the metric was not defined there and they did not decide."""
    choice, look = latest(state, "choice.made"), _looks(state).get("select")
    if choice is None or not split["roles"].get("select"):
        return []
    many = len(choice.get("finalists", [])) if look is None else look["configurations"]
    compared = [f"{many:,}" if many else "", moment(choice["time"]), _before(look)]
    return [["select", "to compare finalists on", *compared]]


def _of_the_model(state: StudyState, split: Mapping[str, Any]) -> list[list[str]]:
    """What the model that ships learned from."""
    fitted = latest(state, "model.fitted")
    if fitted is None:
        return []
    roles = ("train", "validation", "select") if fitted["kind"] == "refitted" else ("train",)
    rows = listed([role for role in roles if split["roles"].get(role)])
    return [[rows, "to fit the model that ships on", "1", moment(fitted["time"]), ""]]


def _of_test(state: StudyState) -> list[list[str]]:
    """Every opening of the test rows."""
    return [
        ["test", "to test the model that ships on", "1", moment(opened["time"]), _times(opened["opening"] - 1)]
        for opened in openings(state)
    ]


def _before(look: Mapping[str, Any] | None) -> str:
    """How often rows had been looked at, and with how many configurations."""
    if look is None:
        return NOT_COUNTED
    times = _times(len(look["earlier"]))
    return f"{times}, {count(look['before'], 'configuration')}" if look["earlier"] else times


def _times(n: int) -> str:
    return "never" if n == 0 else count(n, "time")


def _span(first: float, last: float) -> str:
    """A stretch of time; a moment where it is none."""
    begin, end = moment(first), moment(last)
    return begin if begin == end else f"{begin} to {end}"
