"""Runs as a table, one as a page, or both as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolrec_cli.operations.runs import SCHEMA_VERSION, RunLine
from toolrec_cli.render.console import foreign, print_json, stdout

_ANY = 1_000
"""Characters in which every table of runs finds room."""

_STYLES = {"done": "green", "running": "cyan", "interrupted": "yellow", "killed": "yellow", "failed": "red"}


def print_runs(found: Sequence[RunLine], *, as_json: bool) -> None:
    """All runs, newest first."""
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "runs": [asdict(line) for line in found]})
        return
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column("run", overflow="fold", style="bold")
    table.add_column("status", no_wrap=True)
    table.add_column("users", justify="right", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    costly = any(line.cost is not None for line in found)
    if costly:
        table.add_column("cost", justify="right", no_wrap=True)
    for line in found:
        cells = [foreign(line.name), _status(line), Text(spoken_users(line)), Text(spoken_metric(line))]
        cells += [Text("" if line.cost is None else f"${line.cost:,.4f}")] if costly else []
        table.add_row(*cells)
    console = stdout()
    if console.measure(table, options=console.options.update(max_width=_ANY)).maximum <= console.width:
        console.print(table)
        return
    for line in found:
        console.print(foreign(line.name, "bold"), soft_wrap=True)
        console.print(Padding(_in_words(line), (0, 0, 0, 2)))


def _in_words(line: RunLine) -> Text:
    """What the table has in columns, where names would be broken there: "done · 6,040 users · ndcg@10 0.2140"."""
    users = "" if line.users is None else f"{spoken_users(line)} user{'s' * (line.asked != 1)}"
    cost = "" if line.cost is None else f"${line.cost:,.4f}"
    rest = (Text(each) for each in (users, spoken_metric(line), cost) if each)
    return Text(" · ", style="dim").join([_status(line), *rest])


def print_run(found: dict[str, Any], *, as_json: bool) -> None:
    """One run: how it went, what it was told, what it was made from, what it made."""
    if as_json:
        print_json(found)
        return
    table = Table(box=None, padding=(0, 1), show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts(found).items():
        table.add_row(name, foreign(value))
    stdout().print(table)


def facts(found: dict[str, Any]) -> dict[str, str]:
    """How it went, what it was told, what it was made from, what it made: what there is of these, by name."""
    manifest, line = found["manifest"], RunLine(**found["run"])
    every = {
        "run": line.path,
        "status": line.status + (f": {line.reason}" if line.reason else ""),
        "data set": line.dataset,
        "begun": line.started,
        "ended": manifest["finished"] or "",
        "resumed": ", ".join(entry["started"] for entry in manifest["resumed"]),
        "changed since": ", ".join(name for entry in manifest["resumed"] for name in entry.get("drift", ())),
        "users": spoken_users(line),
        "metric": spoken_metric(line),
        "seed": str(manifest["seed"]),
        "set": ", ".join(
            _setting(name, each) for name, each in manifest["settings"].items() if each["from"] != "default"
        ),
        "made from": ", ".join(line.parents),
        "made into": ", ".join(found["children"]),
        "files": ", ".join(manifest["outputs"]),
    }
    return {name: value for name, value in every.items() if value}


def _setting(name: str, setting: dict[str, Any]) -> str:
    return f"{name}={setting['value']}"


def _status(line: RunLine) -> Text:
    note = " (can be resumed)" if line.resumable else ""
    return Text.assemble((line.status, _STYLES.get(line.status, "")), (note, "dim"))


def spoken_users(line: RunLine) -> str:
    """ "6,040", or "12 of 6,040" where some are still to be asked."""
    if line.users is None:
        return ""
    return f"{line.users:,}" if line.users == line.asked else f"{line.users:,} of {line.asked:,}"


def spoken_metric(line: RunLine) -> str:
    """ "ndcg@10 0.1872"."""
    return "" if line.value is None else f"{line.metric} {line.value:.4f}"
