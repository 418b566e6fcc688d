"""Weights of rows that are none, and plans in which nothing honest can be made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import HEADER, ROWS, Case, changed
else:
    from bench import HEADER, ROWS, Case, changed

WEIGHTS = [str(1 + i % 5) for i in range(40)]


def weighted(weights: list[str]) -> str:
    """The table with a column of weights in front."""
    return "\n".join([f"w,{HEADER}", *(f"{w},{row}" for w, row in zip(weights, ROWS, strict=True))]) + "\n"


def values(what: str, shown: str, **changed_rows: str) -> Case:
    """A column of weights with other values in some rows, counted from 0, as in ``row_3="-1"``."""
    weights = list(WEIGHTS)
    for row, value in changed_rows.items():
        weights[int(row.removeprefix("row_"))] = value
    return Case(what, shown, {"plan.toml": _plan(), "table.csv": weighted(weights)})


def plan(what: str, shown: str, *, data: str = "", rest: str = "", more: str = "", **changes: str) -> Case:
    """A plan with weights and with more lines in [data] or at its end, or with other values of its keys."""
    files: dict[str, str | bytes | None] = {"plan.toml": _plan(data, **changes) + rest, "table.csv": weighted(WEIGHTS)}
    return Case(what, shown, files | ({"own.py": more} if more else {}))


def _plan(data: str = "", weight: str = "w", **changes: str) -> str:
    text = changed(**{"family": '"tree"', **changes})
    return text.replace("[model]\n", f'weight = "{weight}"\n{data}[model]\n')


def column(what: str, name: str, data: str = "") -> Case:
    """A plan that takes another column for the weights."""
    files: dict[str, str | bytes | None] = {"plan.toml": _plan(data, name), "table.csv": weighted(WEIGHTS)}
    return Case(what, f'weight = "{name}"\n{data}'.rstrip(), files)


OWN = "from sklearn.neighbors import KNeighborsClassifier as make\n"

WEIGHING = [
    column("a weight that is not there", "weight"),
    column("a weight that is the target", "y"),
    column("a weight that is the group", "x2", 'split = { folds = 2, test = 0.2, group = "x2" }\n'),
    column("a weight that is a feature, too", "x2", 'columns = { x2 = "numeric" }\n'),
    column("texts as weights", "colour"),
    values("a weight below 0", "w\n-1\n...", row_3="-1"),
    values("a row without a weight", 'w\n""\n...', row_3=""),
    values("an infinite weight", "w\ninf\n...", row_3="inf"),
    values("a weight that is next to nothing", "w\n1e-12\n...", row_3="1e-12"),
    Case(
        "weights of 0 alone",
        "w\n0\n0\n...",
        {"plan.toml": _plan(), "table.csv": weighted(["0"] * 40)},
    ),
    plan("weights, and a family that takes none", 'family = "knn"', family='"knn"'),
    plan("weights, and a network", 'family = "mlp"', family='"mlp"'),
    plan(
        "weights, and a factory whose models take none",
        OWN,
        family='"own:make"',
        rest='[space]\nn_neighbors = { type = "int", low = 1, high = 5 }\n',
        more=OWN,
    ),
    plan(
        "weights, and a metric that takes none",
        "def cost(y_true, y_pred):\n    ...",
        rest='[metric]\nname = "own:cost"\n',
        more="def cost(y_true, y_pred):\n    return float((y_true != y_pred).mean())\n",
    ),
    plan(
        "weights, and a constraint on a metric that takes none",
        "def cost(y_true, y_pred):\n    ...",
        rest='[metric]\nconstraints = { "own:cost" = "<= 0.5" }\n',
        more="def cost(y_true, y_pred):\n    return float((y_true != y_pred).mean())\n",
    ),
    plan("weights, and a search in every outer fold", "split = { nested = 3 }", data="split = { nested = 3 }\n"),
    plan(
        "weights, and folds that are dropped",
        'drop_folds = "curtailed"',
        data="split = { folds = 2, test = 0.2 }\n",
        trials='2\ndrop_folds = "curtailed"',
    ),
    plan(
        "weights, and trials that pause between folds",
        '[search.fidelity]\nname = "folds"',
        data="split = { folds = 3, test = 0.2 }\n",
        rest='[search.fidelity]\nname = "folds"\n',
        strategy='"asha"',
    ),
    Case(
        "weights of rows to be clustered",
        'family = "kmeans"',
        {"plan.toml": _plan(family='"kmeans"').replace('target = "y"\n', ""), "table.csv": weighted(WEIGHTS)},
    ),
]
