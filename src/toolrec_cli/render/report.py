"""An evaluation as a table or as JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.text import Text

from toolrec_cli.evaluation.report import FILLED, ORDERED, REFUSED, REJECTED, UNHEARD, Report, Row
from toolrec_cli.evaluation.significance import Interval
from toolrec_cli.render.bill import spoken_usage
from toolrec_cli.render.console import print_json, say, stdout
from toolrec_cli.render.figures import heading, spoken, spoken_difference, spoken_p
from toolrec_cli.render.outcome import untuned
from toolrec_cli.render.sheet import Column, Line, Sheet, figures, print_sheet
from toolrec_cli.wording import counted

FAILURES_SHOWN = 10
WIDE = 160
"""What a table takes whose figures all have their intervals beside them; on a narrower terminal they come below."""


def print_report(report: Report, *, as_json: bool) -> None:
    """The table on stdout; failures on stderr."""
    if as_json:
        print_json(report_document(report))
        return
    console = stdout(width_when_piped=WIDE)
    for sheet in sheets(report):
        print_sheet(console, sheet)
    for sentence in sentences(report):
        console.print(Text(sentence))
    for warning in warnings(report):
        say(warning)
    for status, said in failures(report):
        say(said, style="yellow" if status == "padded" else "red")


def report_document(report: Report) -> dict[str, Any]:
    """`toolrec eval --json`."""
    return asdict(report)


def sheets(report: Report) -> list[Sheet]:
    """A table a cut-off; what is measured beyond accuracy; a table for each way in which users are told apart."""
    beyond = [_beyond(report)] if any(row.beyond for row in report.rows) else []
    by = dict.fromkeys(group.by for group in report.groups)
    return [*(_accuracy(report, k) for k in cutoffs(report)), *beyond, *(_by_group(report, each) for each in by)]


def cutoffs(report: Report) -> list[str]:
    """ "5", "10": those of its metrics, in the order of the tables."""
    return list(dict.fromkeys(name.partition("@")[2] for name in report.rows[0].metrics))


def sentences(report: Report) -> list[str]:
    """How the explorations went, whether a language model earned its price, and what so many users can show."""
    ended = ", ".join(f"{n:,} {status}" for status, n in report.statuses.items())
    explored = (
        f"Surrogate: {report.surrogate}. Candidate recall {spoken(report.candidate_recall)}: the held-out item was in a list "
        f"retrieved for so many. Rounds on average {report.mean_rounds:.2f}. Ended: {ended}."
    )
    return [explored, *_earned(report), *_ordered(report), *_sampled(report)]


def warnings(report: Report) -> list[str]:
    """What is to be known of the data."""
    if not report.out_of_reach:
        return []
    return [
        f"Of {counted(report.out_of_reach, 'user')} the held-out item is in the history already: it is masked, a miss in every "
        "row. toolrec prep --deduplicate last keeps one of each."
    ]


def notes(report: Report) -> list[str]:
    """What is to be known of the surrogate; of the built-in one, where a language model was set beside it."""
    return untuned(report.untuned, "The surrogate" if report.earned is None else "The built-in surrogate")


def failures(report: Report) -> Iterable[tuple[str, str]]:
    """(status, what is said) of the worst of those without a list of the surrogate's own, and how many more there are."""
    worst_first = sorted(report.failures, key=lambda each: {"failed": 0, "forced": 1}.get(each.status, 2))
    for failure in worst_first[:FAILURES_SHOWN]:
        yield failure.status, f"user {failure.user_id}: {failure.status}. {failure.reason}"
    if len(report.failures) > FAILURES_SHOWN:
        yield "failed", f"… and {len(report.failures) - FAILURES_SHOWN} more in report.json"


def _accuracy(report: Report, k: str) -> Sheet:
    title = (
        f"{report.dataset}, {report.split} split, n = {counted(report.n_users, 'user')}, full ranking, history masked; "
        f"mean [95 % interval]"
    )
    main = f"ndcg@{k}"
    names = [heading(name) for name in (f"recall@{k}", main, f"mrr@{k}")]
    compared = (
        *figures(f"{heading(main)} − {report.baseline}"),
        Column("p", whole=True),
        Column("p, Holm", whole=True),
    )
    lines = tuple(Line(_cells(row, k), strong=row.name == "surrogate") for row in report.rows)
    return Sheet(title, (Column("row"), *figures(*names), *compared), lines)


def _cells(row: Row, k: str) -> tuple[str, ...]:
    means = [spoken(row.metrics[f"{name}@{k}"]) for name in ("recall", "ndcg", "mrr")]
    if row.versus is None:
        return row.name, *means, "", "", ""
    versus = row.versus[f"ndcg@{k}"]
    return row.name, *means, spoken_difference(versus), spoken_p(versus.p_value), spoken_p(versus.p_holm)


_MEASURES = {
    "coverage": ("coverage", "{:.3f}"),
    "novelty": ("novelty, bits", "{:.2f}"),
    "diversity": ("diversity", "{:.3f}"),
    "popularity": ("popularity", "{:,.0f}"),
    "head_share": ("share of head", "{:.3f}"),
    "miscalibration": ("miscalibration, bits", "{:.3f}"),
}


def _beyond(report: Report) -> Sheet:
    title = f"Beyond accuracy, the first {report.n} places; mean [95 % interval]"
    lines: list[Line] = []
    for row in report.rows:
        cells = (_measured(row.beyond.get(name), form) for name, (_, form) in _MEASURES.items())
        lines.append(Line((row.name, *cells), strong=row.name == "surrogate"))
    return Sheet(title, (Column("row"), *figures(*(name for name, _ in _MEASURES.values()))), tuple(lines))


def _measured(found: Interval | None, form: str) -> str:
    if found is None:
        return "–"
    return f"{form.format(found.mean)} [{form.format(found.low)}, {form.format(found.high)}]"


def _by_group(report: Report, by: str) -> Sheet:
    """The baseline and the surrogate for every kind of user."""
    groups = [group for group in report.groups if group.by == by]
    metric, last = heading(groups[0].metric), report.rows[-1].name
    title = f"By {by}; p corrected by Holm over every row and group"
    names = ("users", f"{metric}, {report.baseline}", f"{metric}, {last}", f"{last} − {report.baseline}", "p, Holm")
    lines: list[Line] = []
    for group in groups:
        means = (spoken(group.rows[name]) for name in (report.baseline, last))
        versus = group.versus[last]
        lines.append(
            Line((group.name, f"{group.n_users:,}", *means, spoken_difference(versus), spoken_p(versus.p_holm)))
        )
    return Sheet(title, (Column(by), *figures(*names)), tuple(lines))


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
    last = report.rows[-1]
    if report.n_users >= report.n_possible or last.versus is None:
        return []
    named = {name: found for name, found in last.versus.items() if name.startswith("ndcg@")}
    least = [f"{heading(name)} {each.detectable:.4f}" for name, each in named.items() if each.detectable is not None]
    if not least:
        return []
    return [
        f"Minimum detectable difference of {last.name} to {report.baseline} with {report.n_users:,} of {report.n_possible:,} "
        f"users (80 % power, 5 % level by Holm over {len(report.rows) - 1} rows): {', '.join(least)}. What is smaller is not to "
        "be seen, nor ruled out."
    ]
