"""One run on this machine and on a Ray cluster of two machines, played on this one: users a second, and whether lists are equal.

    python benchmarks/cluster.py WORKSPACE [--dataset ml-1m] [--users 1000] [--rounds 2] [--played 0.05]

Needs the extra ray, and a workspace that holds the data set and its trained models. Each machine has one processor. In the last
way a process of the cluster is killed when the first users are on record. All alternate within a round; the best round counts. A
run is timed whole: connecting, sending the models (the first time each process imports torch), lists, tables. Prints Markdown.

With --played a language model explores: one that is played by rules, behind a server on loopback in this process, which answers
after so many seconds and counts what it is asked; 16 users at once, no cache.
"""

import argparse
import datetime
import os
import platform
import re
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
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.runners.ray import Ray
from toolrec_cli.operations.running import Pace
from toolrec_cli.operations.setting import Setting
from toolrec_cli.testing import LoopbackServer
from toolrec_cli.testing.surrogate import PlayedSurrogate

AT_ONCE = 16


def kill_one(log: Path, killed: list[int]) -> None:
    """kill -9 of the first process of this cluster at work, when there is something on record."""
    while not (log.exists() and log.stat().st_size):
        time.sleep(0.02)
    for process in Path("/proc").glob("[0-9]*"):
        title = (process / "cmdline").read_bytes() if process.exists() else b""
        work = title.startswith(b"ray::") and (b"toolrec" in title or b"Station" in title)
        if work and parent(parent(int(process.name))) == os.getpid():
            os.kill(int(process.name), signal.SIGKILL)
            killed.append(int(process.name))
            return


def parent(pid: int) -> int:
    """Of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ways(there: Ray, played: bool) -> dict[str, Pace]:
    """What is compared."""
    if played:
        far = Pace(AT_ONCE, runner=there)
        return {"this machine": Pace(AT_ONCE), "Ray, 2 machines": far, "Ray, 2 machines, a process killed": far}
    far = Pace(runner=there)
    here = {f"this machine, {n} process{'es' * (n > 1)}": Pace(workers=n) for n in (1, 2)}
    return {**here, "Ray, 2 machines": far, "Ray, 2 machines, a process killed": far}


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--played", type=float)
    asked = parser.parse_args()
    dataset = Dataset(asked.workspace.resolve() / "datasets" / asked.dataset)
    ids = dataset.users["user_id"].to_list()[: asked.users]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    compared = ways(Ray(cluster.address), asked.played is not None)
    best, lists, questions, killed = dict.fromkeys(compared, 0.0), {}, {}, []
    with LoopbackServer(PlayedSurrogate(), latency=asked.played or 0.0, keep=False) as server:
        options = ModelOptions("played", server.base_url, concurrency=AT_ONCE, max_retries=0)
        plan = AgentPlan(model=None if asked.played is None else ModelPlan(options))
        for name, pace in [each for _ in range(asked.rounds) for each in compared.items()]:
            out, before = Path(tempfile.mkdtemp()) / "run", server.count
            if "killed" in name:
                threading.Thread(target=kill_one, args=(out / "trajectories.jsonl", killed), daemon=True).start()
            began = time.perf_counter()
            explore_all(Setting(asked.workspace.resolve(), out=out), dataset, ids, plan, pace=pace)
            best[name] = max(best[name], len(ids) / (time.perf_counter() - began))
            lists[name], questions[name] = made(out, asked.played is not None), server.count - before
            shutil.rmtree(out.parent)
    first = next(iter(lists.values()))
    print(f"| {asked.dataset}, {len(ids):,} users | users a second | users on record | questions | lists as on this machine |\n"
          "|---|--:|--:|--:|---|")  # fmt: skip
    for name, rate in best.items():
        same = "to the bit" if lists[name] == first else "NO"
        print(f"| {name} | {rate:,.1f} | {len(lists[name]):,} | {questions[name]:,} | {same} |")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"\nBest of {asked.rounds}; {len(killed)} killed; {cores} cores, load {load:.1f}, Ray {ray.__version__}, Python "
          f"{platform.python_version()}, {datetime.datetime.now(datetime.UTC).date()}")  # fmt: skip
    cluster.shutdown()


def made(out: Path, played: bool) -> list[bytes]:
    """Everybody's line; of a model's without how long its answers took, which is never the same."""
    lines = (out / "trajectories.jsonl").read_bytes().splitlines()
    return sorted(re.sub(rb'"seconds":[0-9.e-]+', b"", line) for line in lines) if played else sorted(lines)


if __name__ == "__main__":
    main()
