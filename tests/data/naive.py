"""What a preparation means, row by row in plain Python: the definition that the real one is compared with."""

from dataclasses import dataclass

from toolrec_cli.data.choices import Choices, Keep, time_shares
from toolrec_cli.seeds import stream


@dataclass(frozen=True)
class Row:
    """One interaction as it was written down."""

    user: str
    item: str
    time: int
    rating: float | None


Split = list[tuple[Row, str]]
"""Rows with their part, by user as users first appear, then by time, then in input order."""


def prepared(rows: list[Row], choices: Choices) -> Split:
    """The rows that are left, in order, each with its part."""
    users = list(dict.fromkeys(row.user for row in rows))
    left = rated(rows, choices.min_rating)
    left = deduplicated(left, choices.deduplicate)
    left = core(left, choices.user_core, choices.item_core)
    left = [row for row in left if sum(row.user == other.user for other in left) >= choices.min_history]
    left = sampled(left, users, choices)
    ordered = [row for user in users for row in sorted((r for r in left if r.user == user), key=lambda r: r.time)]
    return by_time(ordered, choices.split) if time_shares(choices.split) else one_out(ordered)


def rated(rows: list[Row], least: float | None) -> list[Row]:
    return [row for row in rows if least is None or (row.rating is not None and row.rating >= least)]


def deduplicated(rows: list[Row], keep: Keep) -> list[Row]:
    if keep is Keep.ALL:
        return rows
    ordered = sorted(enumerate(rows), key=lambda pair: (pair[1].time, pair[0]))
    if keep is Keep.LAST:
        ordered = ordered[::-1]
    chosen: dict[tuple[str, str], int] = {}
    for place, row in ordered:
        chosen.setdefault((row.user, row.item), place)
    return [rows[place] for place in sorted(chosen.values())]


def core(rows: list[Row], user_core: int, item_core: int) -> list[Row]:
    """Takes away one row at a time, so that the order in which things go cannot be what the real one does."""
    for row in rows:
        n_user = sum(row.user == other.user for other in rows)
        n_item = sum(row.item == other.item for other in rows)
        if n_user < user_core or n_item < item_core:
            return core([other for other in rows if other is not row], user_core, item_core)
    return rows


def sampled(rows: list[Row], users: list[str], choices: Choices) -> list[Row]:
    if choices.sample_users is None:
        return rows
    there = [place for place, user in enumerate(users) if any(row.user == user for row in rows)]
    size = min(choices.sample_users, len(there))
    drawn = {users[place] for place in stream(choices.seed, "sampled users").choice(there, size, replace=False)}
    return [row for row in rows if row.user in drawn]


def one_out(rows: list[Row]) -> Split:
    def part(place: int) -> str:
        mine = [other for other, row in enumerate(rows) if row.user == rows[place].user]
        from_the_end = mine[::-1].index(place)
        return "train" if len(mine) < 3 or from_the_end > 1 else ("test", "validation")[from_the_end]

    return [(row, part(place)) for place, row in enumerate(rows)]


def by_time(rows: list[Row], split: str) -> Split:
    train, validation, _ = time_shares(split) or (1, 0, 0)
    if not rows:
        return []
    times = sorted(row.time for row in rows)
    places = [min(int(share * len(times) + 1e-6), len(times) - 1) for share in (train, train + validation)]
    first, second = (times[place] for place in places)
    return [(row, "train" if row.time < first else "validation" if row.time < second else "test") for row in rows]


def to_be_found(split: Split, part: str) -> dict[str, tuple[list[Row], Row]]:
    """Who is asked for `part` -> the history, and the row to be found."""
    earlier = {"validation": {"train"}, "test": {"train", "validation"}}[part]
    found: dict[str, tuple[list[Row], Row]] = {}
    for user in dict.fromkeys(row.user for row, _ in split):
        history = [row for row, p in split if row.user == user and p in earlier]
        there = [row for row, p in split if row.user == user and p == part]
        if history and there:
            found[user] = history, there[0]
    return found
