"""How near a greedy model comes to what `--dry-run` says a run takes at most.

    python benchmarks/bound.py -w WORKSPACE --dataset ml-1m [--users 6] [--protocol json]

A model is played on loopback that takes all there is to take: three times 200 items of another value, then orders that are
wrong always, of 200 items, by long words of its own, and at last a list that cannot be. Bytes are counted as the bound counts
them; the server counts four bytes a token. Prints Markdown. What it asked stays in the workspace as a run.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.llm.budgeted import worst_usage
from toolrec_cli.llm.recorded import earlier_exchanges
from toolrec_cli.llm.stack import ModelOptions
from toolrec_cli.operations.asking import Pace
from toolrec_cli.operations.estimating import dry_run
from toolrec_cli.operations.exploring import AgentPlan, explore_all
from toolrec_cli.operations.modelling import ModelPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.testing import LoopbackServer, Scripted
from toolrec_cli.testing.asked import read_request
from toolrec_cli.testing.surrogate import written

BRINGING = 3
"""Rounds that bring candidates: as many as make the most questions for an order in seven."""


def greedy(asked: dict[str, Any], attribute: str, values: list[str]) -> Scripted:
    """What a model that wants it all answers."""
    read = read_request(asked)
    if read.protocol == "rank":
        wrong = [f"<<<{number}>>>{'<' * 150}" for number in range(20)]
        return written(read, ("rank", {"items": [*read.candidates, *wrong]}))
    act: tuple[str, dict[str, Any]] = "rank", {"attribute": f"{read.rounds} words of its own, and many more", "k": 200}
    if read.legal == ("finish",):
        act = "finish", {"items": [f"Nothing like it {number}" for number in range(300)]}
    elif read.rounds < BRINGING or "rank" not in read.legal:
        act = "retrieve", {"attribute": attribute, "k": 200, "value": values[read.rounds % len(values)]}
    return written(read, act, thought="I want it all. " * 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-w", "--workspace", type=Path, required=True)
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--attribute", default="genre", help="A trained one.")
    parser.add_argument("--users", type=int, default=6)
    parser.add_argument("--protocol", default="json")
    args = parser.parse_args()
    setting = Setting(args.workspace)
    dataset = Dataset(args.workspace / "datasets" / args.dataset)
    ids = dataset.users["user_id"].to_list()[: args.users]
    values = most_frequent(dataset, args.attribute)
    with LoopbackServer(lambda asked: greedy(asked, args.attribute, values), keep=False) as server:
        plan = AgentPlan(model=replace(ModelPlan(ModelOptions("greedy", server.base_url)), protocol=args.protocol))
        bill = dry_run(setting, dataset, ids, plan, len(ids)).estimate
        run, _ = explore_all(setting, dataset, ids, plan, pace=Pace(4))
    asked = [replace(each.request, max_tokens=0) for each in earlier_exchanges(run.path / "exchanges.jsonl")]
    taken, used = sum(worst_usage(request).input_tokens for request in asked), run.manifest.result["usage"]
    print(f"{args.dataset}, {len(ids)} users, --protocol {args.protocol}: {run.path}\n")
    print("| | calls | bytes in | tokens in, four bytes each |\n|---|--:|--:|--:|")
    print(f"| at most | {bill.most.calls:,} | {bill.most.input_tokens:,} | |")
    print(f"| taken | {len(asked):,} | {taken:,} | {used['input_tokens']:,} |")
    print(f"| of it | {len(asked) / bill.most.calls:.0%} | {taken / bill.most.input_tokens:.0%} | |")
    print(f"| expected | {bill.expected.calls:,} | | {bill.expected.input_tokens:,} |")


def most_frequent(dataset: Dataset, attribute: str) -> list[str]:
    """The values of an attribute that most items have, as a model writes them."""
    counts: dict[str, int] = {}
    for item in range(1, len(dataset.catalog) + 1):
        value = dataset.catalog.described(item).get(attribute)
        for label in value if isinstance(value, list | tuple) else [value]:
            counts[str(label)] = counts.get(str(label), 0) + 1
    return sorted(counts, key=lambda label: -counts[label])[:BRINGING]


if __name__ == "__main__":
    main()
