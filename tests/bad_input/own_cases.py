"""Code of a person's own that is missing, raises, or gives something else than is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, Case, changed
else:
    from bench import PLAN, Case, changed

SPACE = '[space]\nn_neighbors = { type = "int", low = 1, high = 5 }\n'


def own(what: str, code: str, name: str = "own:load", shown: str = "", returned: int = 2) -> Case:
    """A source of one's own."""
    return Case(
        what,
        shown or code,
        {"plan.toml": changed(source=f'"{name}"').replace('target = "y"\n', ""), "own.py": code},
        code=returned,
    )


def model(
    what: str,
    code: str,
    name: str = "models:make",
    returned: int = 2,
    space: str = SPACE,
) -> Case:
    """A model of one's own."""
    files = {"plan.toml": changed(family=f'"{name}"') + space, "models.py": code}
    return Case(what, code, files, code=returned, changes=returned == 1)


def metric(what: str, code: str, name: str = "scores:mine", returned: int = 1) -> Case:
    """A metric of one's own."""
    files = {"plan.toml": f'{PLAN}[metric]\nname = "{name}"\n', "scores.py": code}
    return Case(what, code, files, code=returned, changes=returned == 1)


CODE = [
    own("no such module", "def load():\n    ...", "owm:load", 'source = "owm:load"'),
    own("no such function", "def laod():\n    ..."),
    own("a module that cannot be imported", "import not_there"),
    own("a module with a mistake in it", "def load(:\n    ..."),
    own("a module that raises", "1 / 0"),
    own("a function that raises", "def load():\n    return {}['price']"),
    own("a function that needs an argument", "def load(path):\n    ..."),
    own("a function that gives nothing", "def load():\n    ..."),
    own("a function that gives a list", "def load():\n    return [1, 2]"),
    own("a function that leaves", "def load():\n    raise SystemExit(3)"),
    own("no function", "load = 3"),
    own("columns of different lengths", "def load():\n    return {'x': [1, 2], 'y': [1]}"),
    own("mixed objects", "def load():\n    return {'x': [1, {}, []], 'y': [0, 1, 0]}"),
    own("an empty table", "def load():\n    return {}"),
    own("X and y of different lengths", "import numpy as np\ndef load():\n    return np.ones((4, 2)), [0, 1]"),
    model("no module of the model's", "...", "modles:make"),
    model("no such factory", "def mkae():\n    ..."),
    model("a factory that raises", "def make():\n    raise ValueError('no licence')"),
    model(
        "a factory that gives a class",
        "from sklearn.neighbors import KNeighborsClassifier\ndef make():\n    return KNeighborsClassifier",
    ),
    model("a factory that gives nothing", "def make():\n    ..."),
    model("a model without that hyperparameter", "from sklearn.linear_model import LogisticRegression as make"),
    model(
        "a model of one's own without a space", "from sklearn.neighbors import KNeighborsClassifier as make", space=""
    ),
    model("a module of the model's that raises", "1 / 0"),
    model("a name that is no name", "...", "models:"),
    model(
        "a model that raises when it is fitted",
        "from sklearn.neighbors import KNeighborsClassifier\nclass make(KNeighborsClassifier):\n"
        "    def fit(self, X, y):\n        raise ValueError('too few stars')",
        returned=1,
    ),
    metric("no module of the metric's", "...", "score:mine", 2),
    metric("no such metric in the module", "def mien(y_true, y_pred):\n    ...", returned=2),
    metric("a metric that raises", "def mine(y_true, y_pred):\n    return 1 / 0"),
    metric("a metric that is no number", "def mine(y_true, y_pred):\n    return float('nan')"),
]
