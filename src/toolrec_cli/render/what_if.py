"""What a replay with something supposed changed, as tables or as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from toolrec_cli.evaluation.what_if import RECORDED, SUPPOSED, Departure, WhatIf
from toolrec_cli.llm.estimates import Bill, DryRun
from toolrec_cli.render.console import foreign, print_json, print_prose, say, stdout
from toolrec_cli.render.figures import heading, spoken, spoken_difference, spoken_p
from toolrec_cli.render.report import WIDE
from toolrec_cli.render.sheet import Line, Sheet, columns, figures, print_sheet
from toolrec_cli.wording import counted

_NAMED = 5
"""Items, and users who left the record, that are told by name."""


def print_what_if(found: WhatIf, *, as_json: bool) -> None:
    """What was supposed, what became of the lists, and of the metrics where there are any."""
    if as_json:
        print_json(asdict(found))
        return
    console = stdout(width_when_piped=WIDE)
    console.print(foreign(supposed(found), "bold"))
    print_sheet(console, explored(found))
    for line in of_lists(found):
        print_prose(console, foreign(line))
    if sheet := metrics(found):
        print_sheet(console, sheet)
    for line in without_metrics(found):
        console.print(foreign(line))
    for line in besides(found):
        console.print(foreign(line, "yellow"))
    for line in of_record(found):
        print_prose(console, foreign(line))


def supposed(found: WhatIf) -> str:
    """The question."""
    return f"{found.dataset}, {counted(found.n_users, 'user')} of {found.parent}: what if {', '.join(found.supposed)}?"


def explored(found: WhatIf) -> Sheet:
    """By whom, and how it ended, then and now."""
    both = (RECORDED, SUPPOSED)
    facts = {
        "explored by": [found.surrogate[row] for row in both],
        "ended": [_ended(found.statuses[row]) for row in both],
        "mean rounds": [f"{found.mean_rounds[row]:.2f}" for row in both],
    }
    return Sheet("", columns("", *both), tuple(Line((name, *cells)) for name, cells in facts.items()))


def without_metrics(found: WhatIf) -> list[str]:
    """Why there are none, where there are none."""
    return [] if found.rows else [f"No metrics: {found.why_no_metrics}"]


def besides(found: WhatIf) -> list[str]:
    """What else is not as recorded."""
    if not found.also_changed:
        return []
    owed = f"What changed is not owed to {', '.join(found.supposed)} alone."
    return [f"Not as recorded besides: {', '.join(found.also_changed)}. {owed}"]


def _ended(statuses: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))


def of_lists(found: WhatIf) -> list[str]:
    """How much of them changed, and what came in and went out."""
    lists = found.lists
    if lists.overlap is None or lists.rank_biased_overlap is None:
        return ["Nobody has a list in both runs."]
    k = found.n
    changed = lists.n_users - lists.n_same
    lines = [
        f"Lists: {changed:,} of {lists.n_users:,} changed. Overlap@{k} {spoken(lists.overlap)}, rank-biased overlap "
        f"(p = 0.9) {spoken(lists.rank_biased_overlap)}; 1 is the same list.",
    ]
    for name, items, total in (
        ("Came in", lists.came_in, lists.n_came_in),
        ("Went out", lists.went_out, lists.n_went_out),
    ):
        if total:
            most = ", ".join(f"{found.titles.get(item, item)} ({count:,})" for item, count in items[:_NAMED])
            lines.append(f"{name}: {counted(total, 'place')}. For most users: {most}.")
    return lines


def metrics(found: WhatIf) -> Sheet | None:
    """Both rows side by side; None where nothing may be said of metrics."""
    if not found.rows:
        return None
    recorded, now = found.rows
    lines: list[Line] = []
    for name, then in recorded.metrics.items():
        if not name.startswith(("hit", "map")):  # the same figures as recall and mrr
            versus = (now.versus or {})[name]
            means = (spoken(then), spoken(now.metrics[name]), spoken_difference(versus), spoken_p(versus.p_value))
            lines.append(Line((heading(name), *means)))
    title = f"{found.split} split, n = {counted(found.n_scored, 'user')}; mean [95 % interval], paired"
    return Sheet(title, figures("metric", RECORDED, SUPPOSED, f"{SUPPOSED} − {RECORDED}", "p"), tuple(lines))


def of_record(found: WhatIf) -> list[str]:
    """Where a language model explored: who was answered from the record, and who left it."""
    told = found.told
    if told is None:
        return []
    lines = [f"Answered from the record alone: {counted(told.n_stayed, 'user')}."]
    if told.departures:
        where = spoken_departures(told.departures)
        lines.append(f"Left it: {len(told.departures):,}, of whom {told.n_asked:,} were asked further. {where}")
    return lines


def spoken_departures(left: Sequence[Departure]) -> str:
    """ "At step 1, the system text: 12 users; at step 2, what came of round 1: 3 users. The first: user 7, step 1; …"."""
    places = Counter((each.step, each.part) for each in left)
    said = "; ".join(
        f"at step {step}, {part}: {counted(count, 'user')}" for (step, part), count in sorted(places.items())
    )
    first = ", ".join(f"{each.user_id} (step {each.step})" for each in left[:_NAMED])
    more = f" and {len(left) - _NAMED:,} more" if len(left) > _NAMED else ""
    return f"{said[:1].upper()}{said[1:]}. Users: {first}{more}."


def say_bill(left: Sequence[Departure], found: DryRun) -> None:
    """On stderr: who left the record, and what it takes to ask the model for them."""
    bill = found.estimate
    say(f"{counted(len(left), 'user')} leave{'s' * (len(left) == 1)} the record. {spoken_departures(left)}")
    say(
        f"To ask {found.model} at {found.base_url} for them: {_spoken_bill(bill.expected)} to be expected, "
        f"{_spoken_bill(bill.most)} at most; what is on record or in the cache costs nothing. Prices: {bill.price_source}."
    )


def _spoken_bill(bill: Bill) -> str:
    money = "dollars n/a" if bill.dollars is None else f"${bill.dollars:,.4f}"
    return f"{bill.calls:,} calls, {bill.input_tokens + bill.output_tokens:,} tokens, {money}"
