"""An evaluation as a table or as JSON."""

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from toolrec_cli.evaluation.report import Report, Row
from toolrec_cli.evaluation.significance import Interval, Paired
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
    recall = _spoken(report.candidate_recall)
    console.print(
        Text(
            f"Surrogate: {report.surrogate}. Candidate recall {recall}: the held-out item was in a list retrieved for so many. "
            f"Rounds on average {report.mean_rounds:.2f}. Ended: "
            + ", ".join(f"{n:,} {status}" for status, n in report.statuses.items())
            + "."
        )
    )
    if report.out_of_reach:
        say(
            f"Of {report.out_of_reach:,} users the held-out item is in the history already: it is masked, a miss in every row. "
            "toolrec prep --deduplicate last keeps one of each."
        )
    for failure in report.failures[:FAILURES_SHOWN]:
        say(clean(f"user {failure.user_id}: {failure.status}. {failure.reason}"), style="red")
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
        table.add_column(_heading(name), overflow="fold")
    table.add_column(f"{_heading(main)} − {report.baseline}", overflow="fold")
    table.add_column("p", no_wrap=True)
    for row in report.rows:
        table.add_row(*_cells(row, k), style="bold" if row.name == "surrogate" else "")
    return table


def _cells(row: Row, k: str) -> list[Text]:
    figures = [Text(_spoken(row.metrics[f"{name}@{k}"])) for name in ("recall", "ndcg", "mrr")]
    if row.versus is None:
        return [foreign(row.name), *figures, Text(""), Text("")]
    versus = row.versus[f"ndcg@{k}"]
    return [foreign(row.name), *figures, Text(_spoken_difference(versus)), Text(_spoken_p(versus.p_value))]


def _heading(metric: str) -> str:
    """ "ndcg@10" -> "NDCG@10". With one held-out item a user, Recall and Hit are the same figure: one column bears both names."""
    name, _, k = metric.partition("@")
    if name == "recall":
        return f"Recall, Hit@{k}"
    return f"{name.upper() if name in ('ndcg', 'mrr') else name.capitalize()}@{k}"


def _spoken(found: Interval) -> str:
    return f"{found.mean:.4f} [{found.low:.3f}, {found.high:.3f}]"


def _spoken_difference(found: Paired) -> str:
    return f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _spoken_p(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
