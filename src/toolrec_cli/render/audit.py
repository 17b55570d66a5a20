"""An audit as a table or as JSON."""

from dataclasses import asdict

from toolrec_cli.evaluation.audit import STRICT, Audit
from toolrec_cli.render.console import foreign, print_json, print_prose, stdout
from toolrec_cli.render.figures import spoken
from toolrec_cli.render.sheet import Column, Line, Sheet, figures, print_sheet


def print_audit(audit: Audit, *, as_json: bool) -> None:
    """What was handed in, the eight figures, and what they say."""
    if as_json:
        print_json(asdict(audit))
        return
    console = stdout()
    print_sheet(console, counted(audit))
    for sentence in sentences(audit):
        print_prose(console, foreign(sentence))


def counted(audit: Audit) -> Sheet:
    """The eight ways to count; the strict one stands out."""
    row = f", row {audit.row}" if audit.row else ""
    names = ("recall", "ndcg", "mrr")
    headings = [f"{name.upper() if name != 'recall' else 'Recall'}@{audit.k}" for name in names]
    lines: list[Line] = []
    for each in audit.rows:
        means = (spoken(each.metrics[f"{name}@{audit.k}"]) for name in names)
        lines.append(Line((each.counting.spoken, f"{each.n_users:,}", *means), strong=each.counting == STRICT))
    title = f"{audit.source}{row} on {audit.dataset}, {audit.split} split; mean [95 % interval]"
    return Sheet(title, (Column("counted"), *figures("users", *headings)), tuple(lines))


def sentences(audit: Audit) -> list[str]:
    """What was handed in, and what the figures say."""
    return [_handed_in(audit), *audit.reading]


def _handed_in(audit: Audit) -> str:
    whom = (
        f"{audit.n_users:,} users have a held-out item"
        if audit.n_users == audit.n_possible
        else f"{audit.n_users:,} of {audit.n_possible:,} users with a held-out item were asked"
    )
    said = (
        f"{whom}; {audit.n_listed:,} of them have a list, {audit.n_survivors:,} one of "
        f"{audit.k} known items, none twice. In the lists: {audit.n_unknown_items:,} unknown items, {audit.n_repeats:,} named "
        f"again, {audit.n_owned:,} of the history."
    )
    if audit.out_of_reach:
        said += f" {audit.out_of_reach:,} users have their held-out item already."
    if audit.n_unknown_users or audit.n_without_target:
        said += (
            f" Left out: {audit.n_unknown_users:,} unknown users, {audit.n_without_target:,} without a held-out item."
        )
    return said
