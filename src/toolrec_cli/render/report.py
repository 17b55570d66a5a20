"""An evaluation as a table or as JSON."""

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.evaluation.report import FILLED, ORDERED, REFUSED, REJECTED, UNHEARD, Report, Row
from toolrec_cli.evaluation.significance import Interval, Paired
from toolrec_cli.render.bill import spoken_usage
from toolrec_cli.render.console import clean, foreign, print_json, say, stdout

FAILURES_SHOWN = 10
WIDE = 160
"""What a table takes whose figures all have their intervals beside them; on a narrower terminal they come below."""


def print_report(report: Report, *, as_json: bool) -> None:
    """The table on stdout; failures on stderr."""
    if as_json:
        print_json(report_document(report))
        return
    console = stdout(width_when_piped=WIDE)
    for k in dict.fromkeys(name.partition("@")[2] for name in report.rows[0].metrics):
        console.print(_table(report, k))
    if any(row.beyond for row in report.rows):
        console.print(_beyond_table(report))
    for by in dict.fromkeys(group.by for group in report.groups):
        console.print(group_table(report, by))
    recall = spoken(report.candidate_recall)
    console.print(
        Text(
            f"Surrogate: {report.surrogate}. Candidate recall {recall}: the held-out item was in a list retrieved for so many. "
            f"Rounds on average {report.mean_rounds:.2f}. Ended: "
            + ", ".join(f"{n:,} {status}" for status, n in report.statuses.items())
            + "."
        )
    )
    for line in [*_earned(report), *_ordered(report), *_sampled(report)]:
        console.print(Text(line))
    if report.out_of_reach:
        say(
            f"Of {report.out_of_reach:,} users the held-out item is in the history already: it is masked, a miss in every row. "
            "toolrec prep --deduplicate last keeps one of each."
        )
    worst_first = sorted(report.failures, key=lambda each: {"failed": 0, "forced": 1}.get(each.status, 2))
    for failure in worst_first[:FAILURES_SHOWN]:
        said = clean(f"user {failure.user_id}: {failure.status}. {failure.reason}")
        say(said, style="yellow" if failure.status == "padded" else "red")
    if len(report.failures) > FAILURES_SHOWN:
        say(f"… and {len(report.failures) - FAILURES_SHOWN} more in report.json", style="red")


def report_document(report: Report) -> dict[str, Any]:
    """`toolrec eval --json`."""
    return asdict(report)


def _table(report: Report, k: str) -> Table:
    title = foreign(
        f"{report.dataset}, {report.split} split, n = {report.n_users:,} users, full ranking, history masked; "
        f"mean [95 % interval]",
        style="bold",
    )
    main = f"ndcg@{k}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column("row", overflow="fold")
    for name in (f"recall@{k}", main, f"mrr@{k}"):
        table.add_column(heading(name), overflow="fold")
    table.add_column(f"{heading(main)} − {report.baseline}", overflow="fold")
    table.add_column("p", no_wrap=True)
    table.add_column("p, Holm", no_wrap=True)
    for row in report.rows:
        table.add_row(*_cells(row, k), style="bold" if row.name == "surrogate" else "")
    return table


_MEASURES = {
    "coverage": ("coverage", "{:.3f}"),
    "novelty": ("novelty, bits", "{:.2f}"),
    "diversity": ("diversity", "{:.3f}"),
    "popularity": ("popularity", "{:,.0f}"),
    "head_share": ("share of head", "{:.3f}"),
    "miscalibration": ("miscalibration, bits", "{:.3f}"),
}


def _beyond_table(report: Report) -> Table:
    title = foreign(f"Beyond accuracy, the first {report.n} places; mean [95 % interval]", style="bold")
    table = plain_table(title, "row", *(heading for heading, _ in _MEASURES.values()))
    for row in report.rows:
        cells = [_measured(row.beyond.get(name), form) for name, (_, form) in _MEASURES.items()]
        table.add_row(foreign(row.name), *cells, style="bold" if row.name == "surrogate" else "")
    return table


def _measured(found: Interval | None, form: str) -> Text:
    if found is None:
        return Text("–")
    return Text(f"{form.format(found.mean)} [{form.format(found.low)}, {form.format(found.high)}]")


def group_table(report: Report, by: str) -> Table:
    """The baseline and the surrogate for every kind of user."""
    groups = [group for group in report.groups if group.by == by]
    metric, last = heading(groups[0].metric), report.rows[-1].name
    title = foreign(f"By {by}; p corrected by Holm over every row and group", style="bold")
    difference = f"{last} − {report.baseline}"
    table = plain_table(title, by, "users", f"{metric}, {report.baseline}", f"{metric}, {last}", difference, "p, Holm")
    for group in groups:
        figures = [Text(spoken(group.rows[name])) for name in (report.baseline, last)]
        versus = group.versus[last]
        p = "" if versus.p_holm is None else spoken_p(versus.p_holm)
        table.add_row(Text(group.name), Text(f"{group.n_users:,}"), *figures, Text(spoken_difference(versus)), Text(p))
    return table


def plain_table(title: Text, *columns: str) -> Table:
    """A table without lines, whose cells fold rather than lose anything."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(foreign(column), overflow="fold")
    return table


def _cells(row: Row, k: str) -> list[Text]:
    figures = [Text(spoken(row.metrics[f"{name}@{k}"])) for name in ("recall", "ndcg", "mrr")]
    if row.versus is None:
        return [foreign(row.name), *figures, Text(""), Text(""), Text("")]
    versus = row.versus[f"ndcg@{k}"]
    holm = "" if versus.p_holm is None else spoken_p(versus.p_holm)
    difference = Text(spoken_difference(versus))
    return [foreign(row.name), *figures, difference, Text(spoken_p(versus.p_value)), Text(holm)]


def _earned(report: Report) -> list[str]:
    """Whether a language model was worth its price."""
    if report.earned is None:
        return []
    named = {name: found for name, found in report.earned.items() if name.startswith("ndcg@")}
    said = [f"{heading(name)} {spoken_difference(each)}, p {spoken_p(each.p_value)}" for name, each in named.items()]
    least = [f"{each.detectable:.4f}" for each in named.values() if each.detectable is not None]
    seen = f" Minimum detectable: {', '.join(least)}." if least else ""
    return [f"{report.surrogate} − the built-in surrogate, which costs nothing: {'; '.join(said)}.{seen}"]


def _ordered(report: Report) -> list[str]:
    """Whose the lists are of each row in which the language model did not explore, and what they took."""
    said: list[str] = []
    for name, row in report.llm_rows.items():
        own, filled, refused = (row.ends.get(end, 0) for end in (ORDERED, FILLED, REFUSED))
        rejected = row.ends.get(REJECTED, 0) + row.ends.get(UNHEARD, 0)
        said.append(
            f"{name}: {own:,} of {report.n_users:,} lists are the model's own, {filled:,} filled up from the tools, "
            f"{refused:,} missing because no candidate was named, {rejected:,} because no answer came; "
            f"{spoken_usage(row.usage)}"
        )
    return said


def _sampled(report: Report) -> list[str]:
    """Where users were sampled: what so many can show at all."""
    if report.n_users >= report.n_possible:
        return []
    last = report.rows[-1]
    named = [name for name in last.metrics if name.startswith("ndcg@")]
    least = [f"{heading(name)} {d:.4f}" for name in named if (d := (last.versus or {})[name].detectable) is not None]
    if last.versus is None or not least:
        return []
    return [
        f"Minimum detectable difference of {last.name} to {report.baseline} with {report.n_users:,} of {report.n_possible:,} "
        f"users (80 % power, 5 % level by Holm over {len(report.rows) - 1} rows): {', '.join(least)}. What is smaller is not to "
        "be seen, nor ruled out."
    ]


def heading(metric: str) -> str:
    """ "ndcg@10" -> "NDCG@10". With one held-out item a user, Recall and Hit are the same figure: one column bears both names."""
    name, _, k = metric.partition("@")
    if name == "recall":
        return f"Recall, Hit@{k}"
    return f"{name.upper() if name in ('ndcg', 'mrr') else name.capitalize()}@{k}"


def spoken(found: Interval) -> str:
    """A mean and its interval."""
    return f"{found.mean:.4f} [{found.low:.3f}, {found.high:.3f}]"


def spoken_difference(found: Paired) -> str:
    """A difference and its interval."""
    return f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def spoken_p(p_value: float) -> str:
    """A p-value; no more digits than randomisation can give, whose flips end at one in 10,001."""
    least = next((step for step in ("0.0001", "0.001") if p_value < float(step)), None)
    return f"{p_value:.3f}" if least is None else f"< {least}"
