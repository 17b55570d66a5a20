"""Whether figures that were read have all that is told of them: their types alone do not say which metrics there are."""

from collections.abc import Collection, Mapping, Sequence

from toolrec_cli.evaluation.audit import Audit
from toolrec_cli.evaluation.report import Report, Row
from toolrec_cli.evaluation.significance import Paired
from toolrec_cli.evaluation.variants import Comparison, VariantRow
from toolrec_cli.evaluation.what_if import RECORDED, SUPPOSED, WhatIf

Figures = Report | Comparison | Audit | WhatIf


def check_whole(found: Figures) -> None:
    """Raise ValueError, which names what is missing first: a row, a metric of a row, or what it is compared by."""
    match found:
        case Report():
            _report(found)
        case Comparison():
            _rows(found.rows, [f"{name}@{found.n}" for name in ("recall", "ndcg")], [f"ndcg@{found.n}"])
        case Audit():
            for row in found.rows:
                _has("a row", row.metrics, [f"{name}@{found.k}" for name in ("recall", "ndcg", "mrr")])
        case WhatIf():
            _what_if(found)


def _report(found: Report) -> None:
    ks = dict.fromkeys(name.partition("@")[2] for row in found.rows[:1] for name in row.metrics)
    if found.rows and not ks:
        raise ValueError(f"row {found.rows[0].name!r} has no metrics")
    ndcg = [f"ndcg@{k}" for k in ks]
    _rows(found.rows, [f"{name}@{k}" for k in ks for name in ("recall", "ndcg", "mrr")], ndcg)
    last = found.rows[-1].name
    for group in found.groups:
        _has(f"group {group.name!r}", group.rows, (found.baseline, last))
        _has(f"group {group.name!r}, compared,", group.versus, (last,))


def _what_if(found: WhatIf) -> None:
    for by_row in (found.surrogate, found.statuses, found.mean_rounds):
        _has("what was explored", by_row, (RECORDED, SUPPOSED))
    if not found.rows:
        return
    if len(found.rows) != 2 or found.rows[1].versus is None:
        raise ValueError("not the two rows that are compared")
    named = list(found.rows[0].metrics)
    _rows(found.rows, named, named)


def _rows(rows: Sequence[Row | VariantRow], metrics: Collection[str], compared: Collection[str]) -> None:
    """Each has these metrics; each that is compared with another is compared by those."""
    if not rows:
        raise ValueError("no rows")
    for row in rows:
        _has(f"row {row.name!r}", row.metrics, metrics)
        for versus in _comparisons(row):
            _has(f"row {row.name!r}, compared,", versus, compared)


def _comparisons(row: Row | VariantRow) -> list[dict[str, Paired]]:
    if isinstance(row, VariantRow):
        return [versus for _, versus in row.comparisons()]
    return [] if row.versus is None else [row.versus]


def _has(whose: str, found: Mapping[str, object], names: Collection[str]) -> None:
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"{whose} has no {missing[0]}")
