"""The verbs on MovieLens 1M, default settings: CPU and wall seconds, peak memory, and the table of `toolrec eval`.

    python benchmarks/ml_1m.py [--raw ml-1m.zip] [--workspace DIR]

The archive is looked for in TOOLREC_DATA (default ../shared/data). Prints Markdown; --workspace says where to keep it all.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("TOOLREC_DATA", "../shared/data"))
ATTRIBUTES = ("genre", "release_year")


@dataclass(frozen=True)
class Measured:
    """One command: seconds by the clock and of processor time, peak memory in MiB, and what it printed on stdout."""

    command: str
    wall: float
    cpu: float
    peak: float
    stdout: str


def run(workspace: Path, *words: str) -> Measured:
    """Run toolrec to its end as a process of its own; its stderr passes through."""
    command = [sys.executable, "-m", "toolrec_cli", *words]
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, env={**os.environ, "TOOLREC_WORKSPACE": str(workspace)})
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"toolrec {' '.join(words)} ended with status {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        printed = out.read().decode()
    wall = time.perf_counter() - begun
    shown = " ".join(Path(word).name for word in words)
    return Measured(f"toolrec {shown}", wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed)


def machine() -> str:
    """Processor, cores, versions and the day."""
    import torch

    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    cores = len(os.sched_getaffinity(0))
    return (
        f"{names[0] if names else platform.machine()}, {cores} cores, Python {platform.python_version()}, "
        f"torch {torch.__version__}, {datetime.datetime.now(datetime.UTC).date()}"
    )


def costs(done: list[Measured]) -> str:
    """The table of what each command took."""
    rows = [f"| `{m.command}` | {m.wall:,.1f} | {m.cpu:,.1f} | {m.peak:,.0f} |" for m in done]
    return "\n".join(["| command | wall s | CPU s | peak MiB |", "|---|--:|--:|--:|", *rows])


def figures(report: dict[str, Any]) -> str:
    """The table of an evaluation: each row's metrics with their intervals, and NDCG@10 against the backbone."""
    lines = ["| list | Recall@10 | NDCG@10 | MRR@10 | NDCG@10 − backbone | p, Holm |", "|---|--:|--:|--:|--:|--:|"]
    for row in report["rows"]:
        cells = [_interval(row["metrics"][name]) for name in ("recall@10", "ndcg@10", "mrr@10")]
        versus = row["versus"] and row["versus"]["ndcg@10"]
        if versus:
            p = "< 0.0001" if versus["p_holm"] < 1.5e-4 else f"{versus['p_holm']:.3f}"
            cells += [f"{versus['difference']:+.4f} [{versus['low']:+.4f}, {versus['high']:+.4f}]", p]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |" + ("" if versus else " | |"))
    recall = report["candidate_recall"]
    lines.append(
        f"\nn = {report['n_users']:,} users, {report['split']} split; mean [95 % interval]; candidate recall "
        f"{_interval(recall)}; {report['mean_rounds']:.2f} rounds on average; ended: {report['statuses']}."
    )
    return "\n".join(lines)


def _interval(found: dict[str, float]) -> str:
    return f"{found['mean']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"


def main() -> None:
    """Run the verbs in turn and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, default=DATA / "ml-1m.zip")
    parser.add_argument("--workspace", type=Path)
    arguments = parser.parse_args()
    if not arguments.raw.exists():
        raise SystemExit(f"{arguments.raw} is not there: download it from https://grouplens.org/datasets/movielens/1m/")
    workspace = arguments.workspace or Path(tempfile.mkdtemp())
    try:
        done = [run(workspace, "prep", "ml-1m", "--raw", str(arguments.raw)), run(workspace, "pretrain", "ml-1m")]
        done += [run(workspace, "train-encoder", "ml-1m", "--attr", name) for name in ATTRIBUTES]
        untuned = run(workspace, "eval", "ml-1m", "--json")
        done += [untuned, run(workspace, "tune", "ml-1m"), run(workspace, "recommend", "ml-1m", "--user", "42")]
        done.append(run(workspace, "eval", "ml-1m", "--json"))
        both = json.loads(done[-1].stdout)
        both["rows"].append({**json.loads(untuned.stdout)["rows"][-1], "name": "surrogate, untuned"})
        print(f"{costs(done)}\n\n{figures(both)}\n\n{machine()}")
    finally:
        if arguments.workspace is None:
            shutil.rmtree(workspace)


if __name__ == "__main__":
    main()
