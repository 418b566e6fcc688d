"""The front matter of the model card: what the Hugging Face Hub reads, filled from the log and checked offline.

The keys are those of the Hub's specification of model cards; `holdfast` is a key of our own, which readers of the Hub
keep and pass over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePath, PureWindowsPath
from typing import Any

import yaml

from holdfast.errors import RequestError
from holdfast.facts.cost import account_of, origin
from holdfast.facts.log import latest, metric_of, three_scores, weighed, weight_of
from holdfast.facts.numbers import count
from holdfast.facts.record import written_by
from holdfast.facts.standing import ordinal
from holdfast.optional import need
from holdfast.study.book import Book
from holdfast.study.state import StudyState

PIPELINES = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "regression": "tabular-regression",
}
"""What the Hub calls the tasks that it knows; it has no name for clustering."""

TASKS = {
    "binary": "binary classification",
    "multiclass": "multiclass classification",
    "regression": "regression",
    "clustering": "clustering",
}

METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "brier": ("brier_score", {}),
    "matthews_corrcoef": ("matthews_correlation", {}),
    "r2": ("r_squared", {}),
    "roc_auc_ovr": ("roc_auc", {"multi_class": "ovr"}),
    "roc_auc_ovo": ("roc_auc", {"multi_class": "ovo"}),
    "roc_auc_ovr_weighted": ("roc_auc", {"multi_class": "ovr", "average": "weighted"}),
    "roc_auc_ovo_weighted": ("roc_auc", {"multi_class": "ovo", "average": "weighted"}),
    **{
        f"{name}_{average}": (name, {"average": average})
        for name in ("f1", "precision", "recall")
        for average in ("macro", "micro", "weighted")
    },
}
"""Metrics that the Hub knows by another name: that name, and the arguments that make it the same number."""

FILLED = ("library_name", "pipeline_tag", "metrics", "co2_eq_emissions", "model-index", "holdfast")
"""Keys that the log fills. ``tags`` are joined with a person's; every other key is a person's own and is kept."""

_FRONT = re.compile(r"---\n(.*?\n)---\n", re.DOTALL)

NO_LICENCE = "# license: a person chooses one, such as apache-2.0; then this line becomes a key\n"


def metadata(book: Book, source_url: str | None = None) -> dict[str, Any]:
    """The front matter as the log has it; ``source_url`` is where the test score can be looked up."""
    state = book.state
    family, task = family_of(state), task_of(state)
    tags = [*(_libraries(state, family)), *([task] if task == "clustering" else []), *([family] if family else [])]
    data: dict[str, Any] = {
        "library_name": "holdfast" if "model.fitted" in state.notes else None,
        "pipeline_tag": PIPELINES.get(task or ""),
        "tags": list(dict.fromkeys(["hyperparameter-tuning", *tags])),
        "metrics": [hub_metric(metric_of(state).name)[0]] if task else None,
        "co2_eq_emissions": _emissions(state),
        "model-index": _index(state, task, source_url),
        "holdfast": _record(book),
    }
    return {key: value for key, value in data.items() if value is not None}


def task_of(state: StudyState) -> str | None:
    """What is learned, as the schema on the log calls it; None where holdfast saw no data."""
    split = latest(state, "data.split")
    task = None if split is None else split["schema"].get("task")
    return task if task is None else str(task)


def family_of(state: StudyState) -> str | None:
    """The family of models that the plan names."""
    plan = latest(state, "plan.resolved")
    family = None if plan is None else plan["plan"].get("model", {}).get("family")
    return None if family is None else str(family)


def hub_metric(name: str) -> tuple[str, dict[str, Any]]:
    """What the Hub calls a metric, and the arguments that go with it.

    >>> hub_metric("f1_macro"), hub_metric("rmse")
    (('f1', {'average': 'macro'}), ('rmse', {}))
    """
    return METRICS.get(name, (name, {}))


def source_name(state: StudyState) -> str:
    """The data in a word: a toy table's or function's name, or a file's without its folder."""
    plan, split = latest(state, "plan.resolved"), latest(state, "data.split")
    given = None if plan is None else plan["plan"].get("data", {}).get("source")
    if given is None:
        return "unknown" if split is None else str(split["source"]["description"])
    text = str(given)
    is_path = PurePath(text).suffix != "" and ":" not in text.removeprefix(PureWindowsPath(text).drive)
    return PureWindowsPath(text).name if is_path else text


def source_url_of(front: Mapping[str, Any]) -> str | None:
    """Where an earlier card says that the test score can be looked up."""
    for model in _list(front.get("model-index")):
        for result in _list(model.get("results")) if isinstance(model, Mapping) else []:
            source = result.get("source") if isinstance(result, Mapping) else None
            if isinstance(source, Mapping) and source.get("url"):
                return str(source["url"])
    return None


def joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The front matter of the log with a person's own keys in front, and both their tags."""
    own = {key: value for key, value in theirs.items() if key not in {*FILLED, "tags"}}
    added = theirs.get("tags") or []
    tags = dict.fromkeys([*ours["tags"], *([added] if isinstance(added, str) else _list(added))])
    return {**own, **ours, "tags": list(tags)}


def split_front(card: str) -> tuple[str, str] | None:
    """A card's front matter and what stands below it; None without front matter at its begin."""
    found = _FRONT.match(card)
    return None if found is None else (found[1], card[found.end() :])


def to_yaml(front: Mapping[str, Any]) -> str:
    """The front matter as YAML; without a licence a comment stands in its place."""
    text = _dumped(front, readable=True)
    if yaml.safe_load(text) != front:  # a few control characters survive as escapes only
        text = _dumped(front, readable=False)
    return text if front.get("license") else NO_LICENCE + text


def _dumped(front: Mapping[str, Any], *, readable: bool) -> str:
    return str(yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=readable, width=10_000))


def from_yaml(text: str, where: str) -> dict[str, Any]:
    """The front matter that a card has.

    Raises:
        RequestError: if it is no YAML, or no table.
    """
    try:
        front = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 2}"
        problem = getattr(exc, "problem", None) or "it cannot be read"
        raise RequestError(f"the front matter of {where}{line} is not YAML: {problem}; mend it by hand") from exc
    if not isinstance(front, dict):
        raise RequestError(f"the front matter of {where} holds no 'key: value' lines; mend it by hand")
    return {str(key): value for key, value in front.items()}


def problems_of(card: str) -> list[str]:
    """What the Hub's own reader finds wrong with the front matter of a card; nothing is sent anywhere.

    Raises:
        MissingExtraError: without the package ``huggingface_hub``.
    """
    need("huggingface_hub", "card", "checking the front matter of a model card")
    from huggingface_hub import ModelCard

    parts = split_front(card)
    if parts is None:
        return ["the card does not begin with front matter between two lines '---'"]
    written = from_yaml(parts[0], "the card")
    try:
        data: Any = ModelCard(card).data
        read = data.to_dict()
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        return [f"the Hub's reader refuses the front matter: {exc}"]
    return [
        f"the Hub's reader takes '{key}' for {read.get(key)!r}, and the card says {value!r}"
        for key, value in written.items()
        if read.get(key) != value
    ]


def _libraries(state: StudyState, family: str | None) -> list[str]:
    """What the model's files are made with."""
    fitted = latest(state, "model.fitted")
    files = [] if fitted is None else list(fitted["files"])
    tensors = any(name.endswith(".safetensors") for name in files)
    skops = any(name.endswith("model.skops") for name in files)
    found = ["pytorch", "safetensors"] if tensors else []
    found += ["skops"] if skops else []
    return [*found, "sklearn"] if skops and family is not None and ":" not in family else found


def _index(state: StudyState, task: str | None, source_url: str | None) -> list[dict[str, Any]] | None:
    """The test score for the Hub; None where there is none: another score is not given out for it."""
    test, opened = three_scores(state).test, latest(state, "test.opened")
    split = latest(state, "data.split")
    if test is None or opened is None or split is None or task is None or not math.isfinite(test.value):
        return None
    metric = metric_of(state).name
    kind, arguments = hub_metric(metric)
    again = f", opened for the {ordinal(opened['opening'])} time" if opened["opening"] > 1 else ""
    result: dict[str, Any] = {
        "task": {"type": PIPELINES.get(task, task), "name": TASKS.get(task, task)},
        "dataset": {
            "name": str(split["source"]["description"]),
            "type": source_name(state),
            "split": "test",
            **({"revision": split["source"]["sha256"]} if split["source"]["sha256"] else {}),
        },
        "metrics": [
            {
                "type": kind,
                "value": test.value,
                "name": f"{metric} on {count(test.n, 'sealed test row')}{weighed(state)}{again}",
                **({"args": arguments} if arguments else {}),
            }
        ],
    }
    if source_url:
        result["source"] = {"url": source_url, "name": f"report of study {state.settings.name}"}
    return [{"name": state.settings.name, "results": [result]}]


def _emissions(state: StudyState) -> dict[str, Any] | None:
    """Grams of CO2e for the Hub, with how they came about; None where nobody knows."""
    carbon = account_of(state).total.kg_co2e
    if carbon.value is None:
        return None
    method, covers, off = origin(carbon)
    source = f"holdfast: {method}; covers {covers} of the work; uncertain by {off}"
    price = latest(state, "price.set") or {}
    found = {"emissions": carbon.value * 1000, "source": source, "training_type": "hyperparameter search"}
    return {**found, "hardware_used": str(price["machine"])} if price.get("machine") else found


def _record(book: Book) -> dict[str, Any]:
    """What ties the card to its log, and the test score with its interval."""
    state = book.state
    plan, opened, test = latest(state, "plan.resolved"), latest(state, "test.opened"), three_scores(state).test
    record: dict[str, Any] = {
        "version": written_by(book),
        "study": state.settings.name,
        "log": {"length": book.head.length, "head": book.head.hash},
    }
    if plan is not None:
        record["plan_sha256"] = plan["sha256"]
    if test is not None and opened is not None:
        record["test"] = {
            **test.to_json(),
            "metric": metric_of(state).name,
            **({"weight": column} if (column := weight_of(state)) is not None else {}),
            "opening": opened["opening"],
            "fingerprint": opened["fingerprint"],
        }
    return record


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
