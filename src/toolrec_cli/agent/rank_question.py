"""The question for an order of candidates, and how its answer is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolrec_cli.agent import lines, quoting
from toolrec_cli.agent.loop import NEWEST_SHOWN, rated
from toolrec_cli.agent.speech import faults
from toolrec_cli.agent.speech.reading import lines_in, strings_in
from toolrec_cli.agent.speech.schemas import order_schema
from toolrec_cli.agent.trajectory import Brief, Trajectory
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.llm.messages import Message, Reply, Request
from toolrec_cli.tools.protocol import Context

_MOST_WRONG = 20
"""Wrong names of an answer that are kept."""

_HOW = 'Answer with one JSON object: {"items": ["…", "…"]}.'


@dataclass(frozen=True)
class Answer:
    """`items` (item_index) and how each was named, best first; what was named that is no candidate; all names in their order.

    `fault` says what is wrong with a reply that held no names at all.
    """

    items: tuple[int, ...]
    names: tuple[str, ...]
    wrong: tuple[str, ...]
    said: tuple[str, ...]
    wanted: int
    fault: str = ""


def who_asks(context: Context) -> list[str]:
    """The profile and the newest items, a line each."""
    catalog = context.catalog
    newest = [
        lines.of_catalog(catalog, item, **rating_of(rating)) for item, rating in rated(context.user, NEWEST_SHOWN)
    ]
    profile = f"You: {quoting.dumps(quoting.fields(context.user.profile))}"
    return [profile, "Your newest items, the newest last:", *newest]


def rating_of(rating: float | None) -> dict[str, float]:
    """What an item's line says of it; nothing where there is none."""
    return {} if rating is None else {"rating": round(rating, 2)}


def question(context: Context, items: Sequence[int], attribute: str | None, wanted: int) -> str:
    """Who asks, the newest items, the candidates with the tools that brought them, and by what they are to be ordered."""
    catalog = context.catalog
    told = [
        lines.of_catalog(catalog, item, by=[quoting.mark(text) for text in context.candidates[item].texts])
        for item in items
    ]
    mind = "how likely you are to choose them next" if attribute is None else quoting.dumps(quoting.tame(attribute))
    asked = f"Order them by this: {mind}. Name the {wanted} best."
    return "\n".join([*who_asks(context), f"The {len(told)} candidates:", *told, asked])


def complaint(answer: Answer) -> str:
    """What was wrong with an answer, for the second question."""
    if answer.fault:
        return f"You were asked this before. {answer.fault} {_HOW}"
    wrong = quoting.dumps([quoting.tame(name, 80) for name in answer.wrong])
    named = f" These are no candidates, or several: {wrong}." if answer.wrong else ""
    return (
        f"You were asked this before, and named {len(answer.items)} candidates of {answer.wanted}.{named} "
        f"Use the ids as they stand above, each once. {_HOW}"
    )


def rank_request(brief: Brief, asked: tuple[str, ...], sample: int) -> Request:
    """The request for (system, question). Where the protocol knows no schema, the answer is looked for in the text."""
    system, user = asked
    return Request(
        (Message("system", system), Message("user", user)),
        schema=order_schema() if brief.protocol == "json" else None,
        max_tokens=brief.max_tokens,
        temperature=brief.temperature,
        seed=brief.seed,
        sample=sample,
    )


def rank_requests(trajectory: Trajectory) -> Iterator[Request]:
    """Every question a rank tool asked in a recorded trajectory, built again from the record alone."""
    for step in trajectory.steps:
        for exchange in step.exchanges:
            if exchange.purpose == "rank" and trajectory.brief is not None:
                yield rank_request(trajectory.brief, exchange.asked, exchange.sample)


def read_answer(reply: Reply, items: Sequence[int], wanted: int, catalog: Catalog) -> Answer:
    """The names in a reply, each looked up; the first mention counts, and more than a hundred too many are not looked at."""
    if fault := faults.broken(reply, ""):
        return Answer((), (), (), (), wanted, fault.reason)
    said = (strings_in(reply.text) or lines_in(reply.text))[: len(items) + 100]
    among, found, wrong = set(items), dict[int, str](), dict[str, None]()
    for name, match in zip(said, catalog.resolve_all(said), strict=True):
        if match is not None and match.item_index in among:
            found.setdefault(match.item_index, name)
        elif len(wrong) < _MOST_WRONG:
            wrong[name] = None
    kept = tuple(name for name in dict.fromkeys(said) if name in wrong or name in found.values())
    fault = "" if found or wrong else "The answer held no ids."
    return Answer(tuple(found), tuple(found.values()), tuple(wrong), kept, wanted, fault)
