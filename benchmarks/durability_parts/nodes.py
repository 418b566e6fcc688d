"""A study on a Ray cluster of this machine, whose nodes are killed while it runs.

python -m benchmarks.durability_parts.nodes STORAGE DIARY --trials 60 --kills 2
"""

from __future__ import annotations

import argparse
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from benchmarks.durability_parts.drive import make_study, noted, objective


def main() -> None:
    """Start a cluster, run the study on it, and kill a node when a part of the trials is told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("storage")
    parser.add_argument("diary", type=Path)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--kills", type=int, default=2)
    options = parser.parse_args()
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, connect=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(2)]

    def lines() -> int:
        return len(options.diary.read_text().splitlines()) if options.diary.exists() else 0

    def tune() -> None:
        with closing(make_study(options.storage)) as study:
            costly = functools.partial(objective, pause=0.2)
            told = noted(options.diary)
            study.optimize(costly, n_trials=options.trials, executor="ray", address="auto", on_finish=told)

    struck = 0
    with ThreadPoolExecutor(1) as pool:  # nodes can be added by the main thread only
        run = pool.submit(tune)
        while struck < options.kills and not run.done():
            if lines() < (struck + 1) * options.trials // (options.kills + 2):
                time.sleep(0.02)
                continue
            cluster.remove_node(nodes.pop(0), allow_graceful=False)
            struck += 1
            nodes.append(cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20))
        run.result()
    ray.shutdown()
    cluster.shutdown()
    if struck < options.kills:
        raise SystemExit(f"only {struck} of {options.kills} nodes were killed")


if __name__ == "__main__":
    main()
