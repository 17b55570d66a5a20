"""A language model that behaves badly in every fifth reply, through all three protocols: what becomes of the lists.

python examples/badly_behaved_server.py [--users 12] [--dataset sample] [-w WORKSPACE] [--misbehave 0.2] [--seed 1]

A server on loopback plays the model by rules (`toolrec_cli.testing`); nothing is downloaded or paid. `toolrec eval` is run
against it as anybody would, once a protocol. Its lists are then checked against the catalogue and the histories by code that
shares nothing with it. Prints two tables in Markdown. Without -w, the sample is prepared and trained first (about a minute).
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.testing import LoopbackServer
from toolrec_cli.testing.surrogate import PlayedSurrogate

PROTOCOLS = ("json", "tools", "react")


@dataclass
class Seen:
    """What the record of one run shows."""

    rounds: int = 0
    statuses: Counter[str] = field(default_factory=Counter[str])
    refusals: Counter[str] = field(default_factory=Counter[str])
    asked_again: int = 0
    """Orders of candidates that were asked for once more."""
    padded_items: int = 0
    invalid: int = 0
    """Lists that hold what they must not."""

    def add(self, trajectory: dict[str, Any], items: set[str], history: set[str]) -> None:
        """One more user."""
        self.rounds += len(trajectory["steps"])
        self.statuses[trajectory["status"]] += 1
        for step in trajectory["steps"]:
            if step["observation"]["kind"] == "refused":
                self.refusals[kind(step["observation"]["reason"])] += 1
            self.asked_again += "; asked again" in step["observation"].get("note", "")
        ids = [entry["item_id"] for entry in trajectory["ranking"]]
        self.padded_items += sum(entry["padded"] for entry in trajectory["ranking"])
        whole = len(ids) == trajectory["n"] == len(set(ids)) or trajectory["status"] == "failed"
        self.invalid += not (whole and set(ids) <= items and not set(ids) & history)


def kind(reason: str) -> str:
    """A refusal without what is particular to it: quoted names and numbers."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "…", reason)
    return re.sub(r"-?\d[\d,]*", "N", plain).split(". ")[0][:70].rstrip(".")


def histories(dataset: Path) -> dict[str, set[str]]:
    """What each user has met, but for the newest item, which is the held-out one; read without the program."""
    users, items = (pl.read_parquet(dataset / f"{name}.parquet") for name in ("users", "items"))
    met = pl.read_parquet(dataset / "interactions.parquet")
    names, ids = users["user_id"].to_list(), items["item_id"].to_list()
    found: dict[str, list[str]] = {}
    for user, item in met.select("user_index", "item_index").iter_rows():
        found.setdefault(names[user], []).append(ids[item - 1])
    return {user: set(chosen[:-1]) for user, chosen in found.items()}


def toolrec(*words: str) -> subprocess.CompletedProcess[str]:
    """The program, as a process of its own."""
    command = [sys.executable, "-m", "toolrec_cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


def row(args: argparse.Namespace, protocol: str, seen: Seen) -> str:
    """One run against a server of its own, as a line of the table; what it shows is added to `seen`."""
    play = PlayedSurrogate(misbehave=args.misbehave, seed=args.seed)
    where = args.workspace / "datasets" / args.dataset
    items, met = set(pl.read_parquet(where / "items.parquet")["item_id"]), histories(where)
    with LoopbackServer(play, keep=False) as server, tempfile.TemporaryDirectory() as folder:
        begun, run = time.perf_counter(), Path(folder) / "run"
        said = toolrec(
            *("eval", args.dataset, "-w", str(args.workspace), "--users", str(args.users), "--seed", str(args.seed)),
            *("--model", "played", "--base-url", server.base_url, "--protocol", protocol, "--no-cache"),
            *("--concurrency", str(args.concurrency), "--baselines", "none", "--out", str(run), "--json"),
        )
        seconds = time.perf_counter() - begun
        crashed = int(said.returncode not in (0, 5) or "Traceback" in said.stderr)
        if crashed:
            print(said.stderr, file=sys.stderr)
            return f"| {protocol} | crashed: exit code {said.returncode} |"
        for line in (run / "trajectories.jsonl").open(encoding="utf-8"):
            trajectory = json.loads(line)
            seen.add(trajectory, items, met[trajectory["user_id"]])
    report = json.loads(said.stdout)
    used, bad = report["usage"], sum(play.counts.values()) - play.counts.get("well", 0)
    ndcg = {each["name"]: each["metrics"]["ndcg@10"]["mean"] for each in report["rows"]}
    cells = [
        *(protocol, f"{report['n_users']:,}", f"{used['calls']:,}", f"{bad:,}", f"{seen.rounds:,}"),
        *(f"{sum(seen.refusals.values()):,}", f"{seen.asked_again:,}"),
        *(f"{seen.statuses[status]:,}" for status in ("finished", "padded", "forced", "failed")),
        *(str(seen.invalid), str(crashed), f"{used['input_tokens']:,}", f"{used['output_tokens']:,}"),
        *(f"{ndcg['surrogate']:.4f}", f"{ndcg['surrogate:builtin']:.4f}", f"{seconds:.0f} s"),
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    *("protocol", "users", "calls", "bad replies", "rounds", "refusals", "orders asked again", "finished", "padded"),
    *("forced", "failed", "invalid lists", "crashes", "tokens in", "tokens out", "NDCG@10", "of the built-in", "wall"),
)


def prepared(workspace: Path) -> Path:
    """The sample, prepared and trained, in `workspace`."""
    made = toolrec("recommend", "--user", "42", "-w", str(workspace))
    if made.returncode:
        sys.exit(made.stderr)
    return workspace


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=12)
    parser.add_argument("--dataset", default="sample")
    parser.add_argument("-w", "--workspace", type=Path)
    parser.add_argument("--misbehave", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=8)
    return parser.parse_args()


def main() -> None:
    args = parsed()
    with tempfile.TemporaryDirectory() as folder:
        args.workspace = args.workspace or prepared(Path(folder))
        kinds: dict[str, Seen] = {protocol: Seen() for protocol in PROTOCOLS}
        print(f"| {' | '.join(HEAD)} |\n|---|{'--:|' * (len(HEAD) - 1)}")
        for protocol, seen in kinds.items():
            print(row(args, protocol, seen), flush=True)
    every = sorted(
        {name for seen in kinds.values() for name in seen.refusals},
        key=lambda name: -sum(seen.refusals[name] for seen in kinds.values()),
    )
    print(f"\n| refused because | {' | '.join(PROTOCOLS)} |\n|---|{'--:|' * len(PROTOCOLS)}")
    for name in every:
        print(f"| {name} | {' | '.join(str(kinds[protocol].refusals[name]) for protocol in PROTOCOLS)} |")


if __name__ == "__main__":
    main()
