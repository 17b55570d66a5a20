"""A language model that behaves badly in every fifth reply, through all three protocols: what becomes of the lists.

python examples/badly_behaved_server.py [--users 12] [--dataset sample] [-w WORKSPACE] [--misbehave 0.2] [--wire 0.5] [--seed 1]

A server on loopback plays the model by rules (`toolrec_cli.testing`); nothing is downloaded or paid. `toolrec eval` is run
against it as anybody would, once a protocol. Its lists are then checked against the catalogue and the histories by code that
shares nothing with it. `--wire` says which share of the bad replies goes wrong on the wire instead of in its words: 429, 500,
503, a connection reset or cut, no answer in time, HTML, half a JSON, nothing at all. Prints tables in Markdown. Without -w, the
sample is prepared and trained first (about a minute).
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from toolrec_cli.testing import Fault, LoopbackServer, Scripted, seeded
from toolrec_cli.testing.surrogate import PlayedSurrogate

PROTOCOLS = ("json", "tools", "react")

WIRE = (
    *(Fault.RATE_LIMIT, Fault.RATE_LIMIT_AFTER, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.RESET, Fault.CUT_BODY),
    *(Fault.TIMEOUT, Fault.HTML, Fault.HALF_JSON, Fault.EMPTY_BODY),
)


class BadServer:
    """The script: so many replies are bad, `wire` of them on the wire, the others in what they say."""

    def __init__(self, misbehave: float, wire: float, seed: int) -> None:
        on_the_wire = misbehave * wire
        self.play = PlayedSurrogate((misbehave - on_the_wire) / (1 - on_the_wire), seed)
        self._faulty = seeded(
            lambda asked: Scripted("I was about to say"), dict.fromkeys(WIRE, on_the_wire / len(WIRE)), seed
        )
        self.faults: Counter[str] = Counter()

    def __call__(self, asked: dict[str, Any]) -> Scripted:
        """A fault, or what the played model says."""
        faulty = self._faulty(asked)
        if faulty.fault is None:
            return self.play(asked)
        self.faults[str(faulty.fault)] += 1
        return faulty

    @property
    def bad_words(self) -> int:
        """Replies that were meant to be bad, and arrived."""
        return sum(self.play.counts.values()) - self.play.counts.get("well", 0)


@dataclass
class Seen:
    """What the record of one run shows."""

    rounds: int = 0
    statuses: Counter[str] = field(default_factory=Counter[str])
    refusals: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    """Of the wire, by kind."""
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
    play = BadServer(args.misbehave, args.wire, args.seed)
    where = args.workspace / "datasets" / args.dataset
    items, met = set(pl.read_parquet(where / "items.parquet")["item_id"]), histories(where)
    with LoopbackServer(play, keep=False) as server, tempfile.TemporaryDirectory() as folder:
        begun, run = time.perf_counter(), Path(folder) / "run"
        said = toolrec(
            *("eval", args.dataset, "-w", str(args.workspace), "--users", str(args.users), "--seed", str(args.seed)),
            *("--model", "played", "--base-url", server.base_url, "--protocol", protocol, "--no-cache"),
            *("--concurrency", str(args.concurrency), "--baselines", "none", "--out", str(run), "--json"),
            *("--timeout", str(args.timeout)),
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
    seen.faults, used = play.faults, report["usage"]
    ndcg = {each["name"]: each["metrics"]["ndcg@10"]["mean"] for each in report["rows"]}
    cells = [
        *(protocol, f"{report['n_users']:,}", f"{used['calls']:,}", f"{play.bad_words:,}", f"{play.faults.total():,}"),
        *(f"{used['retries']:,}", f"{used['failures']:,}", f"{seen.rounds:,}"),
        *(f"{sum(seen.refusals.values()):,}", f"{seen.asked_again:,}"),
        *(f"{seen.statuses[status]:,}" for status in ("finished", "padded", "forced", "failed")),
        *(str(seen.invalid), str(crashed), f"{used['input_tokens']:,}", f"{used['output_tokens']:,}"),
        *(f"{ndcg['surrogate']:.4f}", f"{ndcg['surrogate:builtin']:.4f}", f"{seconds:.0f} s"),
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    *(
        "protocol",
        "users",
        "calls",
        "bad replies",
        "faults of the wire",
        "sent again",
        "never answered",
        "rounds",
        "refusals",
        "orders asked again",
        "finished",
        "padded",
    ),
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
    parser.add_argument("--wire", type=float, default=0.0, help="The share of bad replies that fails on the wire.")
    parser.add_argument("--timeout", type=float, default=2.0)
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
    counted(kinds, "refused because", lambda seen: seen.refusals)
    if args.wire:
        counted(kinds, "on the wire", lambda seen: seen.faults)


def counted(kinds: dict[str, Seen], title: str, of: Callable[[Seen], Counter[str]]) -> None:
    """A table of how often what happened, most often first."""
    found = {protocol: of(seen) for protocol, seen in kinds.items()}
    every = sum(found.values(), Counter[str]())
    print(f"\n| {title} | {' | '.join(PROTOCOLS)} |\n|---|{'--:|' * len(PROTOCOLS)}")
    for name, _ in every.most_common():
        print(f"| {name} | {' | '.join(str(found[protocol][name]) for protocol in PROTOCOLS)} |")


if __name__ == "__main__":
    main()
