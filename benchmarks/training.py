"""Many networks trained as one program, beside the loops that networks are usually trained by.

    python benchmarks/training.py shape      # 64 configurations of one shape, of small and larger networks
    python benchmarks/training.py paths      # what a step takes by each way that holdfast has for other networks
    python benchmarks/training.py space      # 64 configurations of mlp's default space, early stopping on
    python benchmarks/training.py halving    # successive halving 81, 27, 9, 3, 1, and the brackets of a hyperband
    python benchmarks/training.py study --optuna PYTHON    # seconds to 98% validation accuracy on digits
    python benchmarks/training.py gpu        # stacks of 1 to 4,096 on a GPU, where there is one
    python benchmarks/training.py all --optuna PYTHON

(a) is the loop of tutorials: a `DataLoader`, `torch.optim.AdamW` as it comes, `loss.item()` at every step. (b) is the
same with `fused=True` and batches by index. Both train one configuration after another on one thread; holdfast's
stacks have one thread as well, unless a line says otherwise. All ways take turns in one process, so that what else the
machine does meets all of them; ratios are medians over the rounds, with their least and largest. `peak` is the share of
what a product of two matrices of 1024 × 1024 gets out of one thread at the time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

import torch
from benchmarks.training_parts import gpu, halving, paths, shape, space, study

from holdfast.meter.machine import machine_words

ITEMS = {
    "shape": shape.main,
    "paths": paths.main,
    "space": space.main,
    "halving": halving.main,
    "study": study.main,
    "gpu": gpu.main,
}


def main() -> None:
    """Run one item, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("item", choices=[*ITEMS, "all"])
    parser.add_argument("--quick", action="store_true", help="few configurations and rounds, to see that it runs")
    parser.add_argument("--seeds", type=int, default=10, help="studies of each, for `study`")
    parser.add_argument("--optuna", metavar="PYTHON", help="an interpreter that has Optuna and torch, for `study`")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine_words()}; torch {torch.__version__}\n")
    for name in ITEMS if options.item == "all" else [options.item]:
        ITEMS[name](options)


if __name__ == "__main__":
    main()
