"""What a run spends besides waiting for the model: throughput as a share of the ideal, and own processor time a call.

    python benchmarks/agent.py [--users 500] [--turns 5] [--in-flight 64] [--latency 0.2] [--repeat 3]

A server on loopback, in a process of its own, answers every question after `--latency` seconds. Each user is a conversation
of `--turns` questions that grows as an agent's does (a system text of 6 kB with a schema, a history, an answer and an
observation a turn), asked by `--in-flight` threads. The ideal is calls x latency / in flight. Rows: the client alone; with
cache, budget, record and meter around it; the same questions again, from the cache. With --agent also a whole run on the
built-in sample: prompts, parsing, retrieval by trained tools, matching, trajectories and tables included, the server playing
the model by rules. Prints Markdown.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolrec_cli.llm.budgeted import Limits
from toolrec_cli.llm.messages import ChatModel, Message, Request
from toolrec_cli.llm.metered import labelled
from toolrec_cli.llm.recorded import Exchange
from toolrec_cli.llm.stack import ModelOptions, Stack, build

SYSTEM = "You act for one user of a catalogue and look for what he will want next. " * 80
ITEM = "12. Title of a film of middling length (1987) · genre: Drama, Thriller · director: Somebody Known\n"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["thought", "action"],
    "properties": {
        "thought": {"type": "string"},
        "action": {"type": "string", "enum": [f"retrieve:{number}" for number in range(60)]},
    },
}
ANSWER = json.dumps({"thought": "He has seen many thrillers of the eighties. " * 5, "action": "retrieve:7"})


@dataclass(frozen=True)
class Measured:
    """One round: seconds by the clock and of this process's processors, for so many calls."""

    wall: float
    cpu: float
    calls: int

    def row(self, name: str, ideal: float) -> str:
        share = f"{ideal / self.wall:.1%}" if ideal else ""
        rate, cpu = self.calls / self.wall, 1000 * self.cpu / self.calls
        return f"| {name} | {self.calls:,} | {self.wall:.2f} s | {rate:,.0f}/s | {share} | {cpu:.2f} ms |"


def conversation(model: ChatModel, user: int, turns: int) -> None:
    """One user: each question holds all that was said before it."""
    messages = [Message("system", SYSTEM), Message("user", f"User {user}.\n" + ITEM * 10)]
    with labelled(str(user)):
        for _ in range(turns):
            reply = model.reply(Request(tuple(messages), schema=SCHEMA, seed=42))
            messages += [Message("assistant", reply.text, raw=reply.raw), Message("user", ITEM * 20)]


def measured(model: ChatModel, args: argparse.Namespace, start: int) -> Measured:
    """All users, `start` being the first one's number."""
    with ThreadPoolExecutor(args.in_flight) as pool:
        list(
            pool.map(lambda _: time.sleep(0.02), range(args.in_flight))
        )  # the threads are there before the clock starts
        before, begun = cpu_seconds(), time.perf_counter()
        list(pool.map(lambda user: conversation(model, user, args.turns), range(start, start + args.users)))
        wall, cpu = time.perf_counter() - begun, cpu_seconds() - before
    return Measured(wall, cpu, args.users * args.turns)


def sink_to(path: Path) -> Callable[[Exchange], None]:
    """A record as a run keeps it: a line an exchange, appended and flushed."""
    log = path.open("ab", buffering=0)

    def sink(exchange: Exchange) -> None:
        log.write(json.dumps(exchange.as_json(), ensure_ascii=False).encode() + b"\n")

    return sink


def rounds(url: str, args: argparse.Namespace, folder: Path) -> dict[str, list[Measured]]:
    """Every row, `--repeat` times, taking turns."""
    rows: dict[str, list[Measured]] = {"client alone": [], "with everything around it": [], "again, from the cache": []}
    for repeat in range(args.repeat):
        plain = stack_at(url, args, None, None)
        conversation(plain.server, -1, 1)
        rows["client alone"].append(measured(plain.server, args, 0))
        whole = stack_at(url, args, folder / f"{repeat}.sqlite", folder / f"{repeat}.jsonl")
        conversation(whole.model, -1, 1)
        rows["with everything around it"].append(measured(whole.model, args, 0))
        rows["again, from the cache"].append(measured(whole.model, args, 0))
        assert whole.ledger.total.calls == args.users * args.turns + 1, "a question of the second round was paid for"
        plain.close()
        whole.close()
    return rows


def explored(url: str, args: argparse.Namespace, folder: Path) -> list[Measured]:
    """`toolrec recommend --model` over users of the sample, as a function: its calls are as many as it needs.

    The processor time is that of the whole call, loading the models included; the wall time that of asking and recording.
    """
    from toolrec_cli.operations.asking import Pace
    from toolrec_cli.operations.exploring import AgentPlan, explore_all
    from toolrec_cli.operations.modelling import ModelPlan
    from toolrec_cli.operations.setting import Setting

    setting = Setting(folder / "workspace")
    dataset = prepared_sample(setting, args.users)
    ids = dataset.users["user_id"].to_list()[: args.users]
    found: list[Measured] = []
    for repeat in range(args.repeat):
        options = options_at(url, args, folder / f"agent-{repeat}.sqlite")
        before = cpu_seconds()
        run, outcome = explore_all(
            setting, dataset, ids, AgentPlan(model=ModelPlan(options)), pace=Pace(args.in_flight)
        )
        assert outcome.statuses == {"finished": args.users}, "somebody has no list of his own"
        calls = run.manifest.result["usage"]["calls"]
        found.append(Measured(outcome.seconds, cpu_seconds() - before, calls))
    return found


def prepared_sample(setting: Any, users: int) -> Any:
    """The sample with so many users, a backbone and a tool for genre, trained for an epoch: speed is asked, not taste."""
    from toolrec_cli.data.preparing.preparation import prepare
    from toolrec_cli.data.sources.sample import make
    from toolrec_cli.models.training import TrainingSettings
    from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
    from toolrec_cli.progress import silent

    where = setting.workspace / "datasets" / "sample"
    dataset = prepare("sample", make(users, 300), "sample", where, skip_bad=False, progress=silent)
    once = TrainingSettings(epochs=1, batch_size=64)
    pretrain(setting, dataset, BackbonePlan(shape={"embedding_size": 32, "n_layers": 1}, training=once, threads=1))
    train_encoder(setting, dataset, EncoderPlan("genre", shape={"embedding_size": 8}, training=once, threads=1))
    return dataset


def cpu_seconds() -> float:
    """Of this process, so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def stack_at(url: str, args: argparse.Namespace, cache: Path | None, record: Path | None) -> Stack:
    """The model as a run builds it."""
    return build(options_at(url, args, cache), {}, Path(), sink=sink_to(record) if record else None)


def options_at(url: str, args: argparse.Namespace, cache: Path | None) -> ModelOptions:
    """What is typed about the model; with limits that are never reached, so that their price is in the figures."""
    return ModelOptions(
        "scripted", url, concurrency=args.in_flight, limits=Limits(calls=10**9, tokens=10**12), cache=cache
    )


def serve(latency: float) -> None:
    """The server's process: prints its address, and serves until its input ends."""
    from toolrec_cli.testing import LoopbackServer, Scripted
    from toolrec_cli.testing.surrogate import PlayedSurrogate

    play = PlayedSurrogate()

    def script(asked: dict[str, Any]) -> Scripted:
        return Scripted(ANSWER) if asked["messages"][0]["content"] == SYSTEM else play(asked)

    with LoopbackServer(script, latency=latency, keep=False) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()


def machine() -> str:
    """Processor, cores, load, versions and the day."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line] or [platform.processor()]
    versions = f"Python {platform.python_version()}, openai {version('openai')}"
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return f"{names[0]}, {load}, {versions}, {datetime.date.today().isoformat()}"


def parsed() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--agent", action="store_true", help="Also a whole run, on the built-in sample.")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parsed()
    if args.serve:
        serve(args.latency)
        return
    command = [sys.executable, __file__, "--serve", "--latency", str(args.latency)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        with tempfile.TemporaryDirectory() as folder:
            url = server.stdout.readline().strip()
            rows = rounds(url, args, Path(folder))
            if args.agent:
                rows["a whole run"] = explored(url, args, Path(folder))
    finally:
        server.stdin.close()
        server.wait()
    ideal = args.users * args.turns * args.latency / args.in_flight
    print(f"{args.users} users x {args.turns} calls, {args.in_flight} in flight, {args.latency:g} s latency; ", end="")
    print(f"ideal {ideal:.2f} s; median of {args.repeat}. {machine()}\n")
    print("| | calls | wall | rate | of the ideal | own CPU a call |\n|---|--:|--:|--:|--:|--:|")
    for name, found in rows.items():
        median = sorted(found, key=lambda each: each.wall)[len(found) // 2]
        print(median.row(name, 0 if "cache" in name else median.calls * args.latency / args.in_flight))


if __name__ == "__main__":
    main()
