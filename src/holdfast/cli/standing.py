"""Where a study stands, in words: a page, a line, and a row of the table of all studies."""

from __future__ import annotations

from typing import Any

from holdfast.facts.gain import gain_words
from holdfast.facts.log import STAGES
from holdfast.facts.numbers import better, count, duration, interval, listed, number, share, shown
from holdfast.facts.search import own_words
from holdfast.facts.spending import WHAT, Spending, amount
from holdfast.records import Score
from holdfast.usage import Figure, Method

HEADER = ["study", "state", "metric", "trials", "naive", "estimate", "test"]

MOST_PREDICTED = 3
"""Trials of which it is said what they are expected to end at."""

Standing = dict[str, Any]


def rows(standing: Standing) -> list[list[str]]:
    """The page of one study: a label and what there is to say, line by line."""
    found = [
        ["study", f"{standing['name']}, judged by {_objectives(standing)}{_weighed(standing)}"],
        ["state", _state(standing)],
        ["trials", _trials(standing)],
        *_amended(standing),
        *_constraints(standing),
        *([["budget", standing["limit_reached"]]] if standing["limit_reached"] else []),
        *([["folds", standing["dropped"]]] if standing.get("dropped") else []),
        *[["note", text] for text in standing["reopened"]],
        *([["note", standing["begun_anew"]]] if standing.get("begun_anew") else []),
        *_scores(standing),
        *([["overtuning", standing["overtuning"]]] if standing.get("overtuning") else []),
        *_learning(standing),
        *_gain(standing),
        *_predicted(standing),
        *_costs(standing),
        *_waiting(standing),
        *[["running", _running(trial)] for trial in standing["running"]],
    ]
    if standing["enqueued"]:
        found.append(["enqueued", count(standing["enqueued"], "config")])
    name = standing["strategy"]
    says = own_words(name, standing["strategy_says"])
    found.append(["strategy", f"{name}: {says}" if says else name])
    return [*found, *_stages(standing)]


def _waiting(standing: Standing) -> list[list[str]]:
    """What the order of decisions has cost, in a deterministic study."""
    if standing.get("idle") is None:
        return []
    return [["waiting", f"{standing['idle']:.0%} of the workers' time, so that no timing changes a decision"]]


def line(standing: Standing) -> str:
    """What may change, in one line."""
    top = standing["best"]
    parts = [standing["state"], _trials(standing)]
    if top is not None:
        parts.append(f"best {standing['metric']} {number(_naive(standing))} (naive)")
    scores = {name: standing["scores"][name] for name in ("estimate", "test")}
    parts += [f"{name} {number(score['value'])}" for name, score in scores.items() if score is not None]
    parts += [item.words() for item in _spending(standing) if item.allowed is not None and item.name != "hours"]
    return ", ".join(parts)


def row(standing: Standing) -> list[str]:
    """One study in the table of all."""
    if "why" in standing or "trials" not in standing:
        return [standing["name"], standing["state"], standing.get("why", "")]
    total, limit = sum(standing["trials"].values()), standing["budget"]["trials"]
    scores = [standing["scores"][name] for name in ("naive", "estimate", "test")]
    return [
        standing["name"],
        standing["state"],
        standing["metric"],
        str(total) if limit is None else f"{total} of {limit}",
        *("-" if score is None else number(score["value"]) for score in scores),
    ]


def _objectives(standing: Standing) -> str:
    """What the study is judged by; before the choice that may be several metrics."""
    several = standing["directions"] if len(standing["directions"]) > 1 else {standing["metric"]: standing["direction"]}
    return listed([f"{metric} ({better(direction)})" for metric, direction in several.items()])


def _weighed(standing: Standing) -> str:
    column = standing.get("weight")
    return "" if column is None else f", rows weighted by '{column}'"


def _state(standing: Standing) -> str:
    if standing["halted"]:
        return f"halted: {standing['halted']}"
    parts = [standing["state"]]
    if standing["state"] != "finished" and standing["quiet_seconds"] is not None:
        parts.append(f"the last event was {duration(round(standing['quiet_seconds']))} ago")
    return "; ".join(parts)


def _trials(standing: Standing) -> str:
    total, limit = sum(standing["trials"].values()), standing["budget"]["trials"]
    of = "" if limit is None else f" of {limit}"
    states = ", ".join(f"{n} {state}" for state, n in standing["trials"].items() if n)
    return f"{total}{of}: {states}" if states else f"none yet{of}"


def _amended(standing: Standing) -> list[list[str]]:
    """How the space was amended, and what became of trials that do not fit any more."""
    found = [["space" if place == 0 else "", text] for place, text in enumerate(standing.get("amended", []))]
    if found and standing["hidden"]:
        does = "trial does" if standing["hidden"] == 1 else "trials do"
        found.append(["", f"{standing['hidden']:,} {does} not lie in it any more, and cannot be the best"])
    return found


def _naive(standing: Standing) -> float | str:
    """The naive score: that of the choice, which finalists may have on rows of their own, or the best so far."""
    naive, best = standing["scores"]["naive"], standing["best"]["value"]
    return best if naive is None else naive["value"]  # type: ignore[no-any-return]


def _scores(standing: Standing) -> list[list[str]]:
    """The best so far, or the winner with its estimate and test."""
    top = standing["best"]
    if top is None:
        return []
    said = (
        f"{number(_naive(standing))} (naive), trial {top['trial']}, {'chosen' if top['chosen'] else 'the best so far'}"
    )
    if top.get("corrected") is not None:
        said += f"; about {top['corrected']:.3g} with its luck taken off"
    found = [["best", said], ["", ", ".join(f"{key} = {shown(value)}" for key, value in top["config"].items())]]
    if top["course"] is not None:
        found.append(["", top["course"]])
    for name in ("estimate", "test"):
        if standing["scores"][name] is not None:
            score = Score.from_json(standing["scores"][name])
            bounds = "" if score.low is None else f", {interval(score)}"
            found.append([name, f"{number(score.value)}{bounds}"])
    return found


def _constraints(standing: Standing) -> list[list[str]]:
    """What trials have to meet, and how many are known to."""
    if not standing["constraints"]:
        return []
    wish, met = listed(standing["constraints"]), standing["feasible"]
    return [["constraints", f"{wish}: {count(met, 'trial')} known to meet {'it' if 'and' not in wish else 'all'}"]]


def _learning(standing: Standing) -> list[list[str]]:
    """How the trials learned, where somebody has asked and something is known."""
    found = standing.get("learning")
    return [["learning", f"{found['kind']}. {found['sentence']}"]] if found else []


def _gain(standing: Standing) -> list[list[str]]:
    """What one more trial is expected to gain, or why nobody can say, where somebody has asked."""
    if "expected_gain" not in standing or len(standing["directions"]) > 1:
        return []
    if standing["expected_gain"] is None:
        return [["gain", standing["expected_gain_missing"]]]
    words = gain_words(Score.from_json(standing["expected_gain"]), standing["metric"])
    return [["gain", f"one more trial is expected to gain {words}"]]


def _predicted(standing: Standing) -> list[list[str]]:
    """What the most promising trials that run or wait are expected to end at, where somebody has asked."""
    found = standing.get("predicted") or []
    rows = []
    for item in found[:MOST_PREDICTED]:
        score = Score.from_json({key: item[key] for key in Score.__dataclass_fields__})
        rows.append(f"trial {item['trial']}, at {item['step']} now, to end at {number(score.value)}, {interval(score)}")
    if len(found) > MOST_PREDICTED:
        rows[-1] += f"; {count(len(found) - MOST_PREDICTED, 'other')}"
    return [["predicted" if k == 0 else "", row] for k, row in enumerate(rows)]


def _spending(standing: Standing) -> list[Spending]:
    return [
        Spending(name, Figure(item["spent"], Method(item["method"])), item["allowed"])
        for name, item in standing["spending"].items()
    ]


def _costs(standing: Standing) -> list[list[str]]:
    """What was spent: what the budget limits by itself, the rest in one line; then what was expected."""
    items = _spending(standing)
    found = [[WHAT[item.name], f"{item.words()}{_share(item)}"] for item in items if item.allowed is not None]
    free = [item.words() for item in items if item.allowed is None and item.spent.value is not None]
    if free:
        found.append(["spent", ", ".join(free)])
    if standing["forecast"] is not None:
        expected = [
            amount(name, standing["forecast"][name][0])
            for name in WHAT
            if (standing["forecast"].get(name) or [None])[0] is not None
        ]
        if expected:
            found.append(["forecast", f"{', '.join(expected)} in all"])
    return found


def _share(item: Spending) -> str:
    if item.spent.value is None or not item.allowed:
        return ""
    return f" ({share(item.spent.value / item.allowed)})"


def _running(trial: dict[str, Any]) -> str:
    steps = "" if trial["steps"] is None else f", {count(trial['steps'], 'step')} done"
    since = duration(round(trial["seconds"]))
    if trial["interrupted"]:
        return f"trial {trial['trial']}{steps}, interrupted; asked {since} ago"
    return f"trial {trial['trial']} for {since}{steps}"


def _stages(standing: Standing) -> list[list[str]]:
    """What of the protocol is done, and what is to come."""
    done = [STAGES[stage] for stage, reached in standing["stages"].items() if reached]
    left = [STAGES[stage] for stage, reached in standing["stages"].items() if not reached]
    found = [["done", ", ".join(done)]] if done else []
    if left and done:
        found.append(["to come", ", ".join(left)])
    if standing["openings"]:
        found.append(["test rows", f"opened {_times(standing['openings'])} by this study"])
    return found


def _times(number_of: int) -> str:
    return "once" if number_of == 1 else f"{number_of} times"
