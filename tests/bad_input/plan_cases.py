"""Plans that cannot be meant: their files, their keys, their spaces."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, Case, added, own_plan, plan
else:
    from bench import PLAN, Case, added, own_plan, plan


@contextlib.contextmanager
def plan_that_leads_to_itself() -> Iterator[None]:
    """A plan.toml that nobody can read, whatever their rights."""
    Path("plan.toml").symlink_to("plan.toml")
    yield


def rungs(what: str, lines: str) -> Case:
    """A plan for the family that trains step by step."""
    text = f"[search.fidelity]\n{lines}"
    return Case(what, text, {"plan.toml": PLAN.replace('"knn"', '"mlp"').replace('"random"', '"asha"') + text})


def rungs_that_drop() -> Case:
    """A plan that pauses trials at rungs, and wants to drop their folds."""
    text = PLAN.replace('"knn"', '"mlp"').replace('"random"', '"asha"\ndrop_folds = "curtailed"')
    text = text.replace("[model]", "split = { folds = 3, test = 0.2 }\n[model]")
    return Case("folds to drop where trials pause at rungs", 'drop_folds = "curtailed"', {"plan.toml": text})


FILES = [
    Case("no such file", command=("tune", "plam.toml")),
    Case("no such file, and none like it", command=("tune", "experiments/spring.toml")),
    Case("a folder", command=("tune", "plans"), files={"plans/plan.toml": PLAN}),
    Case("a file that cannot be read", files={"plan.toml": None}, around=plan_that_leads_to_itself),
    own_plan("an empty file", ""),
    plan("text without quotes", 'name = "mine"', "name = mine"),
    plan("a bracket that is not closed", "[study]", "[study"),
    plan("a quote that is not closed", '"table.csv"', '"table.csv'),
    plan("the same table twice", "[model]", "[data]\n[model]"),
    plan("the same key twice", "trials = 2", "trials = 2\ntrials = 3"),
    own_plan("another format", "study:\n  name: mine\n"),
    own_plan("a number with a decimal comma", "[budget]\nhours = 0,5\n"),
    own_plan("a picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    own_plan("saved as Windows-1252", '[study]\nname = "modèle"\n'.encode("cp1252")),
    own_plan("saved as UTF-16", "[study]\n".encode("utf-16")),
]

KEYS = [
    plan("an unknown table", "[model]", "[modle]"),
    plan("an unknown key", "trials = 2", "trails = 2"),
    plan("an unknown key that is like none", "trials = 2", "colour = 2"),
    plan("a key outside of its table", "[study]", "trials = 9\n[study]"),
    plan("a table that is missing", '[model]\nfamily = "knn"', ""),
    plan("a key that is missing", 'source = "table.csv"', ""),
    plan("text where a number is due", "trials = 2", 'trials = "2"'),
    plan("a number where text is due", '"mine"', "7"),
    plan("a fraction where a whole number is due", "trials = 2", "trials = 2.5"),
    plan("a list where text is due", '"knn"', '["knn", "svm"]'),
    plan("a value where a table is due", '[model]\nfamily = "knn"', "[search.fidelity]\nmax = 3\n[[model]]"),
    plan("text where a list is due", 'target = "y"', 'target = "y"\ndrop = "x1"'),
    plan("a date where text is due", '"mine"', "2026-01-31"),
    plan("a list with something else in it", 'target = "y"', 'target = "y"\ndrop = ["x1", 2]'),
    plan("no trials", "trials = 2", "trials = 0"),
    plan("a negative number of trials", "trials = 2", "trials = -5"),
    plan("no workers", "trials = 2", "trials = 2\nworkers = 0"),
    plan("a negative seed", 'name = "mine"', 'name = "mine"\nseed = -1'),
    plan("a seed with a fraction", 'name = "mine"', 'name = "mine"\nseed = 1.5'),
    plan("an unknown word", 'name = "mine"', 'name = "mine"\nunseal = "at-the-end"'),
    plan("an empty name", '"mine"', '""'),
    plan("a name that leads out of the folder", '"mine"', '"../mine"'),
    plan("a name of two folders", '"mine"', '"a/b"'),
    plan("a name of dots", '"mine"', '".."'),
    plan("a name that Windows keeps for itself", '"mine"', '"con"'),
    plan("a name that ends in a dot", '"mine"', '"mine."'),
    plan("a name with a line break", '"mine"', '"mine\\n"'),
    plan("a name that is too long", '"mine"', f'"{"m" * 81}"'),
    plan("an unknown family", '"knn"', '"nkn"'),
    plan("a family that is like none", '"knn"', '"prophet"'),
    plan("a family that is not built yet", '"knn"', '"xgboost"'),
    plan("a family for another task", '"knn"', '"lasso"'),
    added("an unknown metric", '[metric]\nname = "acuracy"'),
    added("a metric for another task", '[metric]\nname = "rmse"'),
    added("a constraint on an unknown metric", '[metric]\nconstraints = { recal = ">= 0.8" }'),
    added("a constraint with another operator", '[metric]\nconstraints = { recall = "> 0.8" }'),
    added("a constraint that is no number", '[metric]\nconstraints = { recall = ">= most" }'),
    added("a constraint in percent", '[metric]\nconstraints = { recall = ">= 80" }'),
    plan("an unknown strategy", '"random"', '"randm"'),
    plan("an unknown setting of a strategy", '"random"', '"grid"\nsettings = { resolutoin = 3 }'),
    plan("a setting of the wrong type", '"random"', '"grid"\nsettings = { resolution = "three" }'),
    plan("a setting that is too small", '"random"', '"grid"\nsettings = { resolution = 0 }'),
    rungs("steps that a network does not have", 'name = "width"\nmax = 64'),
    rungs("rungs in the wrong order", "min = 9\nmax = 3"),
    rungs("more rows than there are", 'name = "rows"\nmax = 10000'),
    rungs("folds of a split without any", 'name = "folds"'),
    plan("a rule that drops folds, misspelt", "trials = 2", 'trials = 2\ndrop_folds = "forgivng"'),
    plan("folds to drop where every trial is one fit", "trials = 2", 'trials = 2\ndrop_folds = "curtailed"'),
    rungs_that_drop(),
    plan("a storage that is no address", 'name = "mine"', 'name = "mine"\nstorage = "study.db"'),
    plan("a storage in a folder that is not there", 'name = "mine"', 'name = "mine"\nstorage = "sqlite:///no/all.db"'),
    plan("a server without a database", 'name = "mine"', 'name = "mine"\nstorage = "postgresql://ann:pw@localhost"'),
    added("an unknown key in a list of tables", '[[trials]]\nconfig = { n_neighbors = 3 }\nwyh = "a guess"'),
    added("one table instead of a list of them", "[trials]\nconfig = { n_neighbors = 3 }"),
    added("a first configuration outside of the space", "[[trials]]\nconfig = { n_neighbors = 3000 }"),
    added("a first configuration with an unknown name", "[[trials]]\nconfig = { neighbours = 3 }"),
    added("a first configuration of the wrong type", '[[trials]]\nconfig = { n_neighbors = "three" }'),
    added("a first configuration that is a list", "[[trials]]\nconfig = { n_neighbors = [3, 5] }"),
    added("a first configuration that is a date", "[[trials]]\nconfig = { n_neighbors = 2026-01-31 }"),
]


BUDGETS = [
    added("a budget of nothing", "[budget]\nhours = 0"),
    added("a negative budget", "[budget]\nhours = -1.5"),
    added("a budget that is no number", "[budget]\nhours = nan"),
    added("a budget without an end", "[budget]\nhours = inf"),
    added("a budget in words", '[budget]\nhours = "two"'),
    added("a budget of no money", "[budget]\nusd = 0"),
    added("a budget of negative energy", "[budget]\nkwh = -1"),
    added("a budget of room in words", '[budget]\ndisk = "plenty"'),
    added("a budget in money without prices", "[budget]\nusd = 10"),
    added("a budget too small for one trial", "[price]\nusd_per_run = 1000\n[budget]\nusd = 10"),
    added("a negative price", "[price]\nusd_per_hour = -3"),
    added("an unknown country", '[price]\ncountry = "Atlantis"'),
]


def space(what: str, line: str) -> Case:
    """A plan whose space has this line."""
    return added(what, f"[space]\n{line}")


SPACE = [
    space("low above high", "n_neighbors = { low = 30, high = 3 }"),
    space("low and high alike", 'alpha = { type = "float", low = 1.0, high = 1.0 }'),
    space("a log scale through zero", 'alpha = { type = "float", low = 0.0, high = 1.0, log = true }'),
    space("a log scale of negative numbers", 'alpha = { type = "int", low = -5, high = 5, log = true }'),
    space("no choices", "weights = []"),
    space("no choices in a table", 'metric = { type = "categorical", choices = [] }'),
    space("a choice twice", 'weights = ["uniform", "uniform"]'),
    space("a choice that the family does not have", 'weights = ["uniform", "distanse"]'),
    space("a choice that is a list", 'metric = { type = "categorical", choices = [["l1"], ["l2"]] }'),
    space("a choice that is a date", 'since = { type = "categorical", choices = [2026-01-31] }'),
    space("choices that are one text", 'metric = { type = "categorical", choices = "l1" }'),
    space("a hyperparameter that the family does not have", "n_neighbours = 3"),
    space("a new hyperparameter that the family does not have", 'depth = { type = "int", low = 1, high = 9 }'),
    space("an unknown type", 'alpha = { type = "flaot", low = 0, high = 1 }'),
    space("a type that is a number", "alpha = { type = 3, low = 0, high = 1 }"),
    space("a type that is a list", 'alpha = { type = ["float"], low = 0, high = 1 }'),
    space("an unknown key", 'alpha = { type = "float", low = 0, hihg = 1 }'),
    space("a bound that is missing", 'alpha = { type = "float", low = 0 }'),
    space("a bound that is text", 'n_neighbors = { low = "one" }'),
    space("a bound that is a fraction", "n_neighbors = { low = 1.5 }"),
    space("a bound that is infinite", 'alpha = { type = "float", low = 0, high = inf }'),
    space("a bound that is too large", f'alpha = {{ type = "int", low = 0, high = 1{"0" * 400} }}'),
    space("a step of nothing", "n_neighbors = { step = 0 }"),
    space("a step on a log scale", 'alpha = { type = "int", low = 1, high = 9, log = true, step = 2 }'),
    space("a step of a float on a log scale", 'alpha = { type = "float", low = 1, high = 9, log = true, step = 0.5 }'),
    space("a step of a float below zero", 'alpha = { type = "float", low = 0, high = 1, step = -0.1 }'),
    space("a step beside an expression", 'alpha = { type = "float", low = 0, high = "1 / n_neighbors", step = 0.1 }'),
    space("a default between two steps", 'alpha = { type = "float", low = 0, high = 1, step = 0.25, default = 0.3 }'),
    space("a log scale in words", 'alpha = { type = "float", low = 1, high = 9, log = "yes" }'),
    space("an order in words", 'weights = { ordered = "yes" }'),
    space("a default outside of the bounds", 'alpha = { type = "float", low = 1, high = 9, default = 10 }'),
    space("a fixed value of the wrong type", 'n_neighbors = "five"'),
    space("a fixed value with a fraction", "n_neighbors = 2.5"),
    space("a fixed value that is infinite", "n_neighbors = inf"),
    space("a fixed value that is a date", "n_neighbors = 2026-01-31"),
    space("a fixed value that the family does not have", 'weights = "distanse"'),
    space("a table without keys", "alpha = {}"),
    space("a name without letters", '"" = { type = "float", low = 1, high = 9 }'),
    space("a condition on an unknown hyperparameter", 'n_neighbors = { when = { wieghts = "uniform" } }'),
    space("a condition that never holds", 'n_neighbors = { when = { weights = "uniformly" } }'),
    space("a condition that is no table", 'n_neighbors = { when = "uniform" }'),
    space("a condition without values", "n_neighbors = { when = { weights = [] } }"),
    space(
        "a condition on a number with a fraction",
        'alpha = { type = "float", low = 1, high = 9 }\nn_neighbors = { when = { alpha = 2.0 } }',
    ),
    space(
        "a circle of conditions",
        'n_neighbors = { when = { weights = "uniform" } }\nweights = { when = { n_neighbors = 3 } }',
    ),
    space("a condition on itself", "n_neighbors = { when = { n_neighbors = 3 } }"),
    added("a rule on an unknown hyperparameter", "forbid = ['n_neighbours > 9']"),
    added("a rule that is no comparison", "forbid = ['n_neighbors = 9']"),
    added("rules that forbid everything", "forbid = ['n_neighbors > 3', 'n_neighbors <= 3']"),
    added("rules that are one text", "forbid = 'n_neighbors > 3'"),
    added("duplicates in other words", 'duplicates = "allow"'),
    added("an end in other words", 'stop = "early"'),
    space("a prior outside of the bounds", "n_neighbors = { prior = { mean = 3000, sd = 5 } }"),
    space("a prior of another form", "n_neighbors = { prior = { center = 5 } }"),
    space("weights for some of the choices", "weights = { weights = [1] }"),
    space("a bound that names nothing", 'alpha = { type = "float", low = 0, high = "n_neighbours / 2" }'),
    space("bounds that cross", 'alpha = { type = "float", low = 10, high = "n_neighbors" }'),
    space("a bound that is a program", 'alpha = { type = "float", low = 0, high = "open(n_neighbors)" }'),
    space("a computed value that is no expression", 'twice = { type = "derived", expression = "n_neighbors *" }'),
    space(
        "bounds that name each other",
        'alpha = { type = "float", low = 0, high = "beta" }\nbeta = { type = "float", low = 0, high = "alpha" }',
    ),
]
