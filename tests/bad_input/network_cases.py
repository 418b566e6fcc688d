"""Networks that cannot be: rows that are no images, shapes that do not fit, factories that make something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import Case, changed
else:
    from bench import Case, changed

SEQUENCES = "a,b,c,d,y\n" + "".join(
    f"{i % 5 + 1},{i % 3},{i % 4},{i % 2},{'yes' if i % 4 < 2 else 'no'}\n" for i in range(40)
)
"""A table of which every row is a sequence of tokens, or an image of 2 × 2."""

OWN = '[space]\nwidth = { type = "int", low = 4, high = 8 }\n'


def network(what: str, family: str, shown: str, *, space: str = "", model: str = "", content: str = SEQUENCES) -> Case:
    """A plan for a network on the table of sequences."""
    text = changed(family=f'"{family}"').replace("[search]", f"{model}[search]")
    space = f"[space]\n{space}\n" if space else ""
    return Case(what, shown, {"plan.toml": text + space, "table.csv": content})


def factory(what: str, code: str) -> Case:
    """A network of one's own, four numbers to two classes."""
    files = {"plan.toml": changed(family='"nets:make"') + OWN, "table.csv": SEQUENCES}
    return Case(
        what, code, {**files, "nets.py": f"import random\nfrom torch import nn\ndef make(config):\n    {code}\n"}
    )


NETWORKS = [
    network(
        "an image of a pixel that is no number", "cnn", 'family = "cnn"', content=SEQUENCES.replace("0,yes", "x,yes")
    ),
    network(
        "rows that are no square image",
        "cnn",
        "a,b,c,y",
        content="\n".join(",".join(line.split(",")[i] for i in (0, 1, 2, 4)) for line in SEQUENCES.split()) + "\n",
    ),
    network("another number of pixels", "cnn", "image_shape = [3, 8, 8]", model="image_shape = [3, 8, 8]\n"),
    network("a shape of two sides", "cnn", "image_shape = [8, 8]", model="image_shape = [8, 8]\n"),
    network(
        "an image for a family that takes none", "mlp", "image_shape = [1, 2, 2]", model="image_shape = [1, 2, 2]\n"
    ),
    network("columns prepared in another way", "mlp", 'preprocessing = "pixels"', model='preprocessing = "pixels"\n'),
    network("a token that is no whole number", "transformer", "2.5", content=SEQUENCES.replace("\n2,", "\n2.5,", 1)),
    network("an activation that does not exist", "mlp", 'activation = "rleu"', space='activation = "rleu"'),
    network("a kernel without a middle", "cnn", "kernel = 4", space="kernel = 4"),
    network(
        "a norm beside another",
        "mlp",
        "layer_norm = true and batch_norm = true",
        space="layer_norm = true\nbatch_norm = true",
    ),
    network("heads that do not divide the vector", "transformer", "embedding = 50", space="embedding = 50"),
    network("tables that are flipped", "mlp", 'augmentation = "flip"', space='augmentation = "flip"'),
    network("an augmentation that does not exist", "cnn", 'augmentation = "shfit"', space='augmentation = "shfit"'),
    factory("a network that does not fit the columns", "return nn.Linear(config['width'], 2)"),
    factory("a network that does not fit the loss", "return nn.Sequential(nn.Linear(4, config['width']))"),
    factory("a network that ignores its configuration", "return nn.Linear(4, 2)"),
    factory("a network that learns nothing", "return nn.Flatten(config['width'] * 0 + 1)"),
    factory(
        "a network of another shape each time",
        "return nn.Sequential(nn.Linear(4, config['width'] + random.randint(1, 10**4)), nn.LazyLinear(2))",
    ),
    factory("a factory that gives a network and then none", "return nn.Linear(4, 2) if config['width'] == 6 else None"),
]
