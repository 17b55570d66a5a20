"""What a data set looks like, on one screen or two, or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.profiling.attributes import AttributeProfile
from toolrec_cli.data.profiling.figures import Bin, Spread
from toolrec_cli.data.profiling.log import Lengths, Popularity, Ratings
from toolrec_cli.data.profiling.times import Times
from toolrec_cli.operations.profiling import Profile
from toolrec_cli.render.console import foreign, print_json, stdout
from toolrec_cli.render.plots import bar, columns, curve
from toolrec_cli.wording import sized

_BAR = 24
_PLOT = (36, 8)
"""Width and height of the popularity curve, in characters."""

_LABEL = 30
"""Characters shown of a value."""


def profile_document(profile: Profile) -> dict[str, Any]:
    """`toolrec datasets show --json`."""
    return asdict(profile)


def print_profile(profile: Profile, *, as_json: bool) -> None:
    """Everything on stdout, a section a subject."""
    if as_json:
        print_json(profile_document(profile))
        return
    stdout().print(drawn(profile))


def drawn(profile: Profile) -> Group:
    """The counts, then a section a subject."""
    sections = [
        _history_lengths(profile.history_lengths),
        _popularity(profile.popularity),
        *([] if profile.times is None else [_times(profile.times)]),
        *([] if profile.ratings is None else [_ratings(profile.ratings)]),
        *([] if not profile.attributes else [_attributes(profile.attributes)]),
        *([] if not profile.notes else [_notes(profile.notes)]),
    ]
    lines = _counts(profile)
    for heading, parts in sections:
        lines += [Text(), heading, *map(_indented, parts)]
    return Group(*lines)


_Section = tuple[Text, Sequence[RenderableType]]


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)


def _heading(name: str, rest: str) -> Text:
    return Text.assemble((name, "bold"), (f"  {rest}", "dim"))


def _counts(profile: Profile) -> list[RenderableType]:
    counts = profile.counts
    parts = " · ".join(f"{name} {counts[name]:,}" for name in ("train", "validation", "test") if name in counts)
    return [
        foreign(f"{profile.name}  ({profile.directory})", "bold"),
        Text(f"{sized(counts)} · density {profile.density:.3%}"),
        foreign(f"source {profile.source} · {profile.split}: {parts}"),
    ]


def _history_lengths(found: Lengths) -> _Section:
    bars = _bars([(_range(each), each.count) for each in found.bins])
    return _heading("History lengths", "how many users have so many interactions"), [_spread(found.spread), bars]


def _popularity(found: Popularity) -> _Section:
    width, height = _PLOT
    labels = ["100%", *[""] * (height - 2), "0%"]
    lines = [f"{label:>4} {line}" for label, line in zip(labels, curve(found.curve, width, height), strict=True)]
    axis = f"{'':5}{'most popular':<{width - 9}}all items"
    plot = Text("\n".join([*lines, axis]), no_wrap=True)
    side = Table.grid(padding=(0, 2))
    side.add_column(justify="right")
    side.add_column(justify="right")
    side.add_row("top", "holds", style="dim")
    for top in found.top:
        side.add_row(f"{top.items:.0%}", f"{top.interactions:.1%}")
    side.add_row()
    side.add_row("Gini", f"{found.gini:.3f}")
    both = Table.grid(padding=(0, 3))
    both.add_row(plot, side)
    heading = _heading("Popularity", "how many of the interactions the most popular items hold")
    return heading, [Text.assemble("interactions of an item: ", _spread(found.spread)), both]


def _times(found: Times) -> _Section:
    tied = (
        f"{found.tied:,} interactions of {found.tied_users:,} users share their time with another of the same user."
        if found.tied
        else "No interaction shares its time with another of the same user."
    )
    if found.every is None or found.first_time is None or found.last_time is None:
        return _heading("Times", f"from {found.first:,} to {found.last:,}; positions, or no dates"), [Text(tied)]
    heading = _heading("Times", f"from {_minute(found.first_time)} to {_minute(found.last_time)} (UTC)")
    most = max(found.periods, key=lambda period: period.count)
    said = f"a column a {found.every}; the highest is {most.count:,}, from {_start(most.start, found.every)}"
    first, last = (_start(found.periods[place].start, found.every) for place in (0, -1))
    ends = _ends(first, last, len(found.periods))
    plot = Text("\n".join([*columns([period.count for period in found.periods], 4), ends]), no_wrap=True)
    return heading, [plot, Text(said, style="dim"), Text(tied)]


def _ratings(found: Ratings) -> _Section:
    unrated = f"; {found.unrated:,} interactions without" if found.unrated else ""
    return _heading("Ratings", f"mean {found.mean:.2f}{unrated}"), [
        _bars([(_range(each), each.count) for each in found.bins])
    ]


def _attributes(found: Sequence[AttributeProfile]) -> _Section:
    parts: list[RenderableType] = []
    for each in found:
        values = f"{each.n_values:,} values" if each.n_values != 1 else "1 value"
        about = f"  {each.kind} · {each.coverage:.1%} of the items have it · {values}"
        parts += [Text.assemble(foreign(each.name, "green"), about), _indented(_attribute(each))]
    return _heading("Attributes", "values with their share of the items that have one"), parts


def _attribute(found: AttributeProfile) -> RenderableType:
    if found.spread is not None:
        what = {Kind.TEXT: "length in characters: ", Kind.DATE: "year: "}.get(found.kind, "")
        plot = columns([each.count for each in found.bins])[0]
        ends = f"\n{number(found.bins[0].low)} {plot} {number(found.bins[-1].high)}" if len(found.bins) > 1 else ""
        return Text.assemble(what, _spread(found.spread), ends)
    table = _grid("left", "left", "right", "right")
    for value in found.top:
        label = foreign(value.value)
        label.truncate(_LABEL, overflow="ellipsis")
        table.add_row(label, bar(value.share, _BAR), f"{value.items:,}", f"{value.share:.1%}")
    return table


def _notes(notes: Sequence[str]) -> _Section:
    return Text("Notes", style="bold"), [foreign(f"· {note}", "dim") for note in notes]


def _bars(lines: Sequence[tuple[str, int]]) -> Table:
    """A line a range: its bar against the greatest, its count, its share of all."""
    total, greatest = sum(count for _, count in lines), max(count for _, count in lines)
    table = _grid("right", "left", "right", "right")
    for label, count in lines:
        table.add_row(label, bar(count / greatest, _BAR), f"{count:,}", f"{count / total:.1%}")
    return table


def _grid(*justify: Any) -> Table:
    """Label, bar, count, share."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for place, side in enumerate(justify):
        table.add_column(justify=side, no_wrap=True, min_width=_BAR if place == 1 else None)
    return table


def _range(found: Bin) -> str:
    return number(found.low) if found.low == found.high else f"{number(found.low)}–{number(found.high)}"


def _spread(found: Spread) -> Text:
    least, low, median, high, greatest = map(
        number, (found.minimum, found.lower_quartile, found.median, found.upper_quartile, found.maximum)
    )
    return Text(f"min {least} · quartiles {low}, {median}, {high} · max {greatest} · mean {number(found.mean)}")


def number(value: float) -> str:
    """1994.0 -> "1994", 12345.67 -> "12,345.7", 0.123456 -> "0.1235". No comma below 10,000: it may be a year."""
    rounded = round(value, 1) if abs(value) >= 1000 else float(f"{value:.4g}")
    return f"{rounded:,.12g}" if abs(rounded) >= 10_000 else f"{rounded:.12g}"


def _ends(first: str, last: str, width: int) -> str:
    """What stands below the first and the last of so many columns."""
    if len(first) + len(last) < width:
        return f"{first}{last:>{width - len(first)}}"
    return first if first == last else f"{first} – {last}"


def _minute(moment: str) -> str:
    """ "2000-04-25T23:05:32Z" -> "2000-04-25 23:05"."""
    return moment[:16].replace("T", " ")


def _start(moment: str, every: str) -> str:
    """As much of the moment as names its period: "2000", "2000-04", "2000-04-25" or "2000-04-25 23:00"."""
    lengths = {"year": 4, "quarter": 7, "month": 7, "hour": 16}
    return moment[: lengths.get(every, 10)].replace("T", " ")
