"""SASRec against its peers: CPU-seconds to a given test NDCG@10, targets learnt a CPU-second, peak memory.

    python benchmarks/backbones.py DATASET -w WORKSPACE [--budget 1200] [--peer rectools=PYTHON] [--peer replay=PYTHON] …

DATASET is prepared in WORKSPACE. A peer's PYTHON is that of an environment which has the library (`pip install rectools[torch]`,
`replay-rec[torch]`, `recbole`); the four take turns on the same data, one thread each, until the budget of CPU-seconds is spent.
toolrec reads the times of the data set, if there are any (not with --no-times), as it does by default; the peers read none.
All are scored alike (peers/race.py): all users, all items, the history masked. Prints Markdown.

    python benchmarks/backbones.py --growth

How toolrec's own training step grows with the catalogue and with the histories (growth.py): invented data, two minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from growth import growth
from ml_1m import machine

from toolrec_cli.data.interactions import Part
from toolrec_cli.data.library import open_dataset

PEERS = Path(__file__).parent / "peers"
GOALS = (0.12, 0.15, 0.17)
TITLES = {"toolrec": "toolrec", "rectools": "RecTools", "replay": "RePlay", "recbole": "RecBole"}


@dataclass(frozen=True)
class Lap:
    """CPU-seconds of training so far, targets learnt in them, and the test NDCG@10 of the model then."""

    cpu: float
    positions: int
    ndcg: float


@dataclass(frozen=True)
class Ran:
    """One runner's laps, and its peak memory in MiB."""

    name: str
    laps: list[Lap]
    peak: float


def export(workspace: Path, name: str, path: Path, *, times: bool) -> None:
    """The data set as the runners read it: whoever has a test item; with `times`, if there are any and they are wanted."""
    dataset = open_dataset(workspace, name)
    train, known = dataset.before(Part.VALIDATION), dataset.before(Part.TEST)
    parts = {"train": train, "known": known}
    arrays = {f"{part}_offsets": found.offsets for part, found in parts.items()}
    arrays |= {f"{part}_items": found.items.astype(np.int64) for part, found in parts.items()}
    if times and dataset.timed:
        arrays |= {f"{part}_times": found.timestamps for part, found in parts.items() if found.timestamps is not None}
    targets = dataset.held_out(Part.TEST).astype(np.int64)
    np.savez(path, **arrays, targets=targets, n_items=np.array(len(dataset.catalog)))


def run(name: str, python: str, data: Path, budget: float) -> Ran:
    """One runner to its end, one thread; its laps pass through to stderr."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" or name == "toolrec"}
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [python, str(PEERS / f"sasrec_{name}.py"), str(data), str(budget)]
    laps: list[Lap] = []
    with tempfile.TemporaryDirectory() as place:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=place, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"cpu"'):
                laps.append(Lap(**json.loads(line)))
                print(f"{name}: {laps[-1]}", file=sys.stderr, flush=True)
        _, status, used = os.wait4(process.pid, 0)
    if status or not laps:
        raise SystemExit(f"{name} ended with status {os.waitstatus_to_exitcode(status)} after {len(laps)} laps")
    return Ran(name, laps, used.ru_maxrss / 1024)


def table(done: list[Ran], budget: float) -> str:
    """The race in Markdown."""
    head = [f"CPU-s to {goal}" for goal in GOALS]
    lines = [f"| | targets a CPU-s | {' | '.join(head)} | best NDCG@10 (at CPU-s) | peak MiB |", "|---|" + "--:|" * 6]
    for ran in done:
        last, best = ran.laps[-1], max(ran.laps, key=lambda lap: lap.ndcg)
        reached = [
            next((f"{lap.cpu:,.0f}" for lap in ran.laps if lap.ndcg >= goal), f"> {last.cpu:,.0f}") for goal in GOALS
        ]
        cells = [
            f"{last.positions / last.cpu:,.0f}",
            *reached,
            f"{best.ndcg:.4f} ({best.cpu:,.0f})",
            f"{ran.peak:,.0f}",
        ]
        lines.append(f"| {TITLES[ran.name]} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Budget {budget:,.0f} CPU-seconds each, one thread. {machine()}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("-w", "--workspace", type=Path)
    parser.add_argument("--budget", type=float, default=1200, help="CPU-seconds for each")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--no-times", action="store_true", help="tell toolrec no times either")
    parser.add_argument("--only-peers", action="store_true", help="leave toolrec out")
    parser.add_argument("--growth", action="store_true", help="how a training step grows, instead of the race")
    asked = parser.parse_args()
    if asked.growth:
        print(growth())
        return
    if asked.dataset is None or asked.workspace is None:
        parser.error("name a DATASET and its -w WORKSPACE, or --growth")
    pythons = {} if asked.only_peers else {"toolrec": sys.executable}
    pythons |= dict(peer.split("=", 1) for peer in asked.peer)
    if unknown := set(pythons) - set(TITLES):
        raise SystemExit(f"no runner for {', '.join(sorted(unknown))}: there are {', '.join(TITLES)}")
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data.npz"
        export(asked.workspace, asked.dataset, data, times=not asked.no_times)
        print(table([run(name, python, data, asked.budget) for name, python in pythons.items()], asked.budget))


if __name__ == "__main__":
    main()
