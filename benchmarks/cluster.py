"""One run on this machine and on a Ray cluster of two machines, played on this one: users a second, and whether lists are equal.

    python benchmarks/cluster.py WORKSPACE [--dataset ml-1m] [--users 1000] [--rounds 2]

Needs the extra ray, and a workspace that holds the data set and its trained models. Each machine has one processor. In the last
way a process of the cluster is killed when the first users are on record. All alternate within a round; the best round counts. A
run is timed whole: connecting, sending the models (the first time each process imports torch), lists, tables. Prints Markdown.
"""

import argparse
import datetime
import os
import platform
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.operations.exploring import explore_all
from toolrec_cli.operations.runners.ray import Ray
from toolrec_cli.operations.running import Pace
from toolrec_cli.operations.setting import Setting


def kill_one(log: Path, killed: list[int]) -> None:
    """kill -9 of the first process at work, when there is something on record."""
    while not (log.exists() and log.stat().st_size):
        time.sleep(0.02)
    for process in Path("/proc").glob("[0-9]*"):
        title = (process / "cmdline").read_bytes() if process.exists() else b""
        if title.startswith(b"ray::") and b"toolrec" in title:
            os.kill(int(process.name), signal.SIGKILL)
            killed.append(int(process.name))
            return


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    dataset = Dataset(asked.workspace.resolve() / "datasets" / asked.dataset)
    ids = dataset.users["user_id"].to_list()[: asked.users]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    there = Ray(cluster.address)
    ways = {
        "this machine, 1 process": Pace(workers=1),
        "this machine, 2 processes": Pace(workers=2),
        "Ray, 2 machines": Pace(runner=there),
        "Ray, 2 machines, a process killed": Pace(runner=there),
    }
    best, lists, killed = dict.fromkeys(ways, 0.0), {}, []
    for _ in range(asked.rounds):
        for name, pace in ways.items():
            out = Path(tempfile.mkdtemp()) / "run"
            if "killed" in name:
                threading.Thread(target=kill_one, args=(out / "trajectories.jsonl", killed), daemon=True).start()
            began = time.perf_counter()
            explore_all(Setting(asked.workspace.resolve(), out=out), dataset, ids, pace=pace)
            best[name] = max(best[name], len(ids) / (time.perf_counter() - began))
            lists[name] = sorted((out / "trajectories.jsonl").read_bytes().splitlines())
            shutil.rmtree(out.parent)
    first = next(iter(lists.values()))
    print(
        f"| {asked.dataset}, {len(ids):,} users | users a second | users on record | as on this machine |\n|---|--:|--:|---|"
    )
    for name, rate in best.items():
        print(f"| {name} | {rate:,.1f} | {len(lists[name]):,} | {'to the bit' if lists[name] == first else 'NO'} |")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"\nBest of {asked.rounds}; {len(killed)} killed; {cores} cores, load {load:.1f}, Ray {ray.__version__}, Python "
          f"{platform.python_version()}, {datetime.datetime.now(datetime.UTC).date()}")  # fmt: skip
    cluster.shutdown()


if __name__ == "__main__":
    main()
