"""A trajectory as people read it: a panel a round; the same live and replayed."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from toolrec_cli.agent.trajectory import Finished, Matched, Refused, Shown, ShownItem, Trajectory
from toolrec_cli.data.catalog import Value
from toolrec_cli.llm.messages import Usage
from toolrec_cli.render.console import foreign, stderr, stdout
from toolrec_cli.render.item_table import Items
from toolrec_cli.tools.protocol import Action, Exchange
from toolrec_cli.unseen import clean
from toolrec_cli.wording import counted

_LONGEST = 60
"""Characters shown of one attribute value."""

_COLUMNS = 4
"""Attributes that get a column."""

_NAMED = 5
"""Names that were turned away, or taken for a title, which are shown."""

_SPOKEN = 1_000
"""Characters of a thought that are shown."""


class LiveTrace:
    """Prints every round on stderr as it ends."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._console = stderr()

    def step(self, trajectory: Trajectory) -> None:
        """The newest round; before the first, who is asked."""
        number = len(trajectory.steps)
        if number == 1:
            self._console.print(opening(trajectory))
        self._console.print(step_panel(trajectory, number, self._rows))


def print_trace(trajectory: Trajectory, rows: int, step: int | None = None) -> None:
    """A whole recorded trajectory, as `LiveTrace` showed it; or one round of it (from 1)."""
    console = stderr()
    if step is None:
        console.print(opening(trajectory))
    for number in _numbers(trajectory, step):
        console.print(step_panel(trajectory, number, rows))


def print_plain(trajectory: Trajectory, rows: int, step: int | None = None) -> None:
    """The same as plain lines on stdout, each as long as it is."""
    console = stdout()

    def line(text: str) -> None:
        console.print(Text(clean(text)), soft_wrap=True)

    line(f"user {trajectory.user_id}, {trajectory.n_history:,} items in the history, {trajectory.status}")
    for number in _numbers(trajectory, step):
        found = trajectory.steps[number - 1]
        line(f"{number} thought: {found.thought}")
        line(f"{number} action: {spoken_action(found.action)}")
        for text in _plain_observation(trajectory, found.observation, rows):
            line(f"{number} {text}")
    for entry in trajectory.ranking if step is None else ():
        line(f"#{entry.rank} {entry.item_id} {trajectory.items[entry.item_id].title} ({spoken_marks(entry.marks)})")


def _plain_observation(trajectory: Trajectory, seen: Shown | Refused | Finished, rows: int) -> list[str]:
    if isinstance(seen, Refused):
        return [f"refused: {seen.reason} {seen.instead}"]
    if isinstance(seen, Finished):
        return [f"finished: {len(seen.items)} items"]
    shown = [f"shown: {item.item_id} {trajectory.items[item.item_id].title}" for item in seen.items[:rows]]
    return [f"observation: {len(seen.items)} items, {len(seen.rejected)} turned away", *shown]


def _numbers(trajectory: Trajectory, step: int | None) -> Sequence[int]:
    """The rounds that are to be shown."""
    return range(1, len(trajectory.steps) + 1) if step is None else range(step, min(step, len(trajectory.steps)) + 1)


def opening(trajectory: Trajectory) -> RenderableType:
    """Who is asked, and the newest items of the history."""
    names = attributes_met(trajectory, 0)
    table = Items(names, "")
    for entry in trajectory.newest:
        rating = Text(spoken_rating(entry.rating), style="dim")
        table.add("", *_title_and_values(trajectory, entry.item_id), rating)
    about, title = foreign(spoken_history(trajectory), "dim"), foreign(spoken_user(trajectory), "bold")
    return Panel(Group(about, table), title=title, title_align="left", border_style="dim")


def spoken_user(trajectory: Trajectory) -> str:
    """ "user 42 · age 25, occupation writer"."""
    profile = ", ".join(f"{key} {value}" for key, value in trajectory.profile.items())
    return f"user {trajectory.user_id}" + (f" · {profile}" if profile else "")


def spoken_history(trajectory: Trajectory) -> str:
    """ "52 items in the history; the newest 10, newest last:"."""
    return f"{trajectory.n_history:,} items in the history; the newest {len(trajectory.newest)}, newest last:"


def spoken_rating(rating: float | None) -> str:
    """ "rated 4.5"; empty where there is none."""
    return "" if rating is None else f"rated {rating:g}"


def step_panel(trajectory: Trajectory, number: int, rows: int) -> RenderableType:
    """One round: thought, action, observation."""
    step = trajectory.steps[number - 1]
    thought = Text.assemble(("Thought      ", "bold magenta"), shortened(step.thought))
    action = Text.assemble(("Action       ", "bold cyan"), spoken_action(step.action))
    return Panel(
        Group(thought, action, *_observation(trajectory, number, rows)),
        title=Text(f"{number}", style="bold"),
        title_align="left",
        subtitle=Text(spoken_exchanges(step.exchanges), style="dim") if step.exchanges else None,
        subtitle_align="right",
        border_style="red" if isinstance(step.observation, Refused) else "blue",
    )


def shortened(thought: str) -> str:
    """A thought without what moves a cursor; of a very long one the beginning."""
    said = clean(thought)
    return said if len(said) <= _SPOKEN else f"{said[:_SPOKEN]}… ({len(said) - _SPOKEN:,} more characters)"


def spoken_action(action: Action) -> str:
    """ "retrieve(genre, k=50)"; a list of items by its length."""
    if action.tool == "finish":
        items = action.arguments.get("items")
        n = len(items) if isinstance(items, list) else "?"  # pyright: ignore[reportUnknownArgumentType]
        return f"finish({n} items)"
    attribute = action.arguments.get("attribute")
    rest = [f"{key}={value}" for key, value in action.arguments.items() if key != "attribute"]
    said = f"{action.tool}({', '.join([str(attribute) if attribute is not None else 'none', *rest])})"
    return clean(said if len(said) <= _SPOKEN else f"{said[:_SPOKEN]}…")


def _observation(trajectory: Trajectory, number: int, rows: int) -> list[RenderableType]:
    found = trajectory.steps[number - 1].observation
    refused = isinstance(found, Refused)
    label = ("Refused      ", "bold red") if refused else ("Observation  ", "bold green")
    head = Text.assemble(label, spoken_observation(found))
    if not isinstance(found, Shown):
        return [head]
    parts: list[RenderableType] = [head, _shown_table(trajectory, number, found, rows)]
    if found.note:
        parts.append(Text(clean(found.note), style="dim"))
    if len(found.items) > rows:
        parts.append(Text(f"… and {len(found.items) - rows} more", style="dim"))
    return parts


def spoken_observation(found: Shown | Refused | Finished) -> str:
    """What was seen, in a line; the items of a `Shown` come below it."""
    if isinstance(found, Refused):
        return clean(f"{found.reason} {found.instead}")
    if isinstance(found, Finished):
        notes = f" ({'; '.join(found.notes)})" if found.notes else ""
        return f"finished with {len(found.items)} items{clean(notes)}"
    new = sum(item.new for item in found.items)
    head = f"{len(found.items)} verified items, {new} of them new"
    if found.rejected:
        head += f"; turned away: {', '.join(f'{r.name!r:.60} ({r.reason})' for r in found.rejected[:_NAMED])}"
    if found.matched:
        head += f"; taken by name: {', '.join(map(spoken_match, found.matched[:_NAMED]))}"
    return clean(head)


def spoken_match(match: Matched) -> str:
    """ "'Godfather, The' is 858 (normalised title)", "'Godfahter' is 858 (title 94 % alike)"."""
    how = "exact title" if match.how == "title" else f"{match.how} title"
    how = how if match.score is None else f"title {match.score:.0f} % alike"
    return clean(f"{match.name!r:.60} is {match.item_id} ({how})")


def spoken_exchanges(exchanges: Sequence[Exchange]) -> str:
    """ "2 calls (1 from the cache) · 1,234 tokens in (1,000 cached) · 56 out (20 reasoning) · 1.2 s"; empty without a model."""
    if not exchanges:
        return ""
    usage = sum((each.usage for each in exchanges), Usage())
    cached = sum(each.from_cache for each in exchanges)
    seconds = sum(each.seconds for each in exchanges)
    parts = [
        f"{counted(len(exchanges), 'call')}{_aside(cached, 'from the cache')}",
        f"{usage.input_tokens:,} tokens in{_aside(usage.cached_tokens, 'cached')}",
        f"{usage.output_tokens:,} out{_aside(usage.reasoning_tokens, 'reasoning')}",
        *([f"{seconds:.1f} s"] if seconds else []),
        *([] if usage.cost is None else [f"${usage.cost:.4f}"]),
    ]
    return " · ".join(parts)


def _aside(count: int, what: str) -> str:
    return f" ({count:,} {what})" if count else ""


def _shown_table(trajectory: Trajectory, number: int, shown: Shown, rows: int) -> Items:
    table = Items(attributes_met(trajectory, number))
    for place, item in enumerate(shown.items[:rows], start=1):
        told = _score(item), foreign(spoken_marks(item.marks), "dim")
        table.add(f"{'+' if item.new else ' '} {place}", *_title_and_values(trajectory, item.item_id), *told)
    return table


def _title_and_values(trajectory: Trajectory, item_id: str) -> tuple[str, dict[str, str]]:
    card = trajectory.items[item_id]
    return card.title, {name: spoken_value(value) for name, value in card.attributes.items()}


def _score(item: ShownItem) -> Text:
    return Text("" if item.score is None else f"{item.score:.3g}", "yellow")


def attributes_met(trajectory: Trajectory, number: int) -> list[str]:
    """The attributes met by round `number`, in the order they were met: a replay must not know more than the live trace."""
    ids = [entry.item_id for entry in trajectory.newest]
    for step in trajectory.steps[:number]:
        ids += [item.item_id for item in step.observation.items] if isinstance(step.observation, Shown) else []
    return list(dict.fromkeys(name for item_id in ids for name in trajectory.items[item_id].attributes))[:_COLUMNS]


def spoken_marks(marks: Sequence[str]) -> str:
    """ "retrieve:none", "retrieve:genre=War", "rank:none" -> "retrieve: none, genre=War; rank: none": each tool named once."""
    by_tool: dict[str, list[str]] = {}
    for mark in marks:
        tool, _, attribute = mark.partition(":")
        by_tool.setdefault(tool, []).append(attribute)
    return "; ".join(f"{tool}: {', '.join(attributes)}" for tool, attributes in by_tool.items())


def spoken_value(value: Value) -> str:
    """["Drama", "Crime"] -> "Drama, Crime"; 1994.0 -> "1994"."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(value)[:_LONGEST]
    return f"{value:.12g}" if isinstance(value, float) else str(value)[:_LONGEST]
