"""Users a second of the built-in surrogate against the size of the batch, and against loading the model for every call.

    python benchmarks/batch.py WORKSPACE [--dataset ml-1m] [--users 2048] [--rounds 3] [--workers 2] [--tuned]

The workspace must hold the data set and its trained models. "Per call" is what the released ToolRec does: checkpoint and
data set are read again at every retrieval (here: once a user, which flatters it). All alternate within a round; the best
round counts, as the others were disturbed. Processor time is that of all processes. Prints Markdown.
"""

import argparse
import datetime
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.exploring import AgentPlan, assemble, explore_all
from toolrec_cli.operations.setting import Setting

SIZES = (1, 8, 64, 512)
N_PER_CALL = 8


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of all processors."""
    began, before = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - began, sum(os.times()[:4]) - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--users", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tuned", action="store_true")
    asked = parser.parse_args()
    plan = AgentPlan(tuned=asked.tuned)
    folder = asked.workspace / "datasets" / asked.dataset
    dataset = Dataset(folder)
    ids = dataset.users["user_id"].to_list()[: asked.users]
    agent = assemble(Setting(asked.workspace), dataset, plan)

    def per_call() -> None:
        for user in range(N_PER_CALL):
            fresh = assemble(Setting(asked.workspace), Dataset(folder), plan)
            fresh.explorer.explore(fresh.user(user))

    def in_batches(size: int) -> None:
        for start in range(0, min(512, len(ids)), size):
            block = list(range(start, start + size))
            agent.scorer.prepare(block)
            for user in block:
                agent.explorer.explore(agent.user(user))

    def recorded(workers: int) -> None:
        out = Path(tempfile.mkdtemp()) / "run"
        explore_all(Setting(asked.workspace, out=out), dataset, ids, plan, pace=Pace(workers=workers))
        shutil.rmtree(out.parent)

    n_batch = min(512, len(ids))
    work: dict[str, tuple[int, Callable[[], object]]] = {"loading per call": (N_PER_CALL, per_call)}
    work |= {f"batches of {size}": (n_batch, lambda size=size: in_batches(size)) for size in SIZES}
    work |= {
        f"whole run, recorded, {n} process{'es' if n > 1 else ''}": (len(ids), lambda n=n: recorded(n))
        for n in dict.fromkeys((1, asked.workers))
    }
    rates, spent = dict.fromkeys(work, 0.0), dict.fromkeys(work, float("inf"))
    for _ in range(asked.rounds):
        for name, (n_users, run) in work.items():
            seconds, processors = taken(run)
            rates[name] = max(rates[name], n_users / seconds)
            spent[name] = min(spent[name], 1000 * processors / n_users)
    print("| | users a second | times | CPU-ms a user |\n|---|--:|--:|--:|")
    for name, found in rates.items():
        print(f"| {name} | {found:,.1f} | {found / rates['loading per call']:,.0f} | {spent[name]:.2f} |")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"\nBest of {asked.rounds}; {cores} cores, load {load:.1f}, Python {platform.python_version()}, "
          f"{datetime.datetime.now(datetime.UTC).date()}")  # fmt: skip


if __name__ == "__main__":
    main()
