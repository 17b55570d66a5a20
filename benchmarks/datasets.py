"""Every real data set at hand through `toolrec prep`: what became of each, as Markdown.

    python benchmarks/datasets.py [--data DIR]

DIR (TOOLREC_DATA, else ../shared/data) holds ml-1m.zip, ml-100k.zip, amazon-magazine/, amazon-beauty/ and yelp/, as
docs/data.md says; what is not there is left out, and that is said.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_TABLE = "--interactions {0}/interactions.csv.gz --items {0}/items.csv.gz"
CALLS = {
    "ml-100k": ["ml-100k", "--raw", "ml-100k.zip"],
    "ml-1m": ["ml-1m", "--raw", "ml-1m.zip"],
    "magazine": ["amazon", "--raw", "amazon-magazine", "--name", "magazine"],
    "beauty": ["table", *_TABLE.format("amazon-beauty").split(), "--name", "beauty"],
    "yelp": ["table", *_TABLE.format("yelp").split(), "--name", "yelp"],
}


def prepared(name: str, data: Path, workspace: Path) -> tuple[float, dict[str, Any]]:
    """Run one call as it is typed; seconds by the clock, and its dataset.json."""
    call = [sys.executable, "-m", "toolrec_cli", "prep", *CALLS[name], "--workspace", str(workspace)]
    begun = time.perf_counter()
    done = subprocess.run(call, cwd=data, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return seconds, json.loads((workspace / "datasets" / name / "dataset.json").read_text(encoding="utf-8"))


def row(name: str, seconds: float, card: dict[str, Any]) -> str:
    """One line of the table."""
    counts = card["counts"]
    density = counts["interactions"] / counts["users"] / counts["items"]
    attributes = ", ".join(f"{a['name']} {a['coverage']:.0%}" for a in card["attributes"])
    sizes = " | ".join(f"{counts[what]:,}" for what in ("users", "items", "interactions"))
    return f"| {name} | {seconds:.1f} | {sizes} | {density:.2%} | {counts['test']:,} | {attributes} |"


def main() -> None:
    """Prepare each, print the table, then what `prep` said of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TOOLREC_DATA", "../shared/data")))
    data = parser.parse_args().data.resolve()
    print("| data set | seconds | users | items | interactions | density | users asked | attributes: items with one |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    said: list[str] = []
    with tempfile.TemporaryDirectory() as workspace:
        for name, call in CALLS.items():
            if not (data / call[2]).exists():
                print(f"{data / call[2]} is not there: {name} is left out.", file=sys.stderr)
                continue
            seconds, card = prepared(name, data, Path(workspace))
            print(row(name, seconds, card), flush=True)
            said += [f"\n`toolrec prep {' '.join(call)}`\n", *(f"- {note}" for note in card["notes"])]
    print("\n".join(said))
    cores, today = len(os.sched_getaffinity(0)), datetime.datetime.now(datetime.UTC).date()
    print(f"\n{platform.machine()}, {cores} cores, Python {platform.python_version()}, {today}")


if __name__ == "__main__":
    main()
