"""After Chat-REC (Gao et al., 2023, arXiv 2303.14524): the model is a recommender that is shown a person, and speaks of titles.

It is told the profile, the newest items and the backbone's 20 best by their titles, without ids, and answers in free text. Each
line that begins with a candidate's title, or is understood as one, names it.
"""

from collections.abc import Mapping

from toolrec_cli.agent import quoting
from toolrec_cli.agent.baseline import Answer, Baseline, Call, Desk
from toolrec_cli.agent.loop import NEWEST_SHOWN, rated
from toolrec_cli.agent.rank_question import rating_of
from toolrec_cli.agent.speech import faults
from toolrec_cli.agent.speech.reading import lines_in, strings_in
from toolrec_cli.llm.messages import Reply
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Context, User

CANDIDATES = 20
"""As `llm-rank` has, so that the two differ in how they are asked."""

_THINGS = {"films": "films", "books": "books", "businesses": "businesses", "products": "products"}


def answer(desk: Desk, user: User) -> Answer:
    """The candidates whose titles were named. Raises what the model raises."""
    context = desk.brought(user, [Call(None, CANDIDATES)])
    candidates = tuple(index for index, _ in fused(context.candidates.values()))
    if not candidates:
        return Answer((), ())
    things = _THINGS.get(desk.brief.prompt.partition("/")[0], "items")
    reply = desk.ask(desk.told("chat_rec", things=things), _question(context, candidates))
    return Answer(_named(reply, context, candidates), candidates)


def _question(context: Context, candidates: tuple[int, ...]) -> str:
    catalog = context.catalog
    lately = [
        quoting.titled(catalog.title(item), catalog.described(item), **rating_of(rating))
        for item, rating in rated(context.user, NEWEST_SHOWN)
    ]
    return "\n".join(
        [
            f"The person: {quoting.dumps(quoting.fields(context.user.profile))}",
            "What was chosen lately, the newest last:",
            *lately,
            f"The {len(candidates)} candidates:",
            *(quoting.titled(catalog.title(item), catalog.described(item)) for item in candidates),
            f"Recommend the {min(context.n, len(candidates))} that will most likely be chosen next, one title a line.",
        ]
    )


def _named(reply: Reply, context: Context, candidates: tuple[int, ...]) -> tuple[int, ...]:
    """A title a line; where no line names a candidate, a list in JSON."""
    if faults.broken(reply, ""):
        return ()
    titles = {_written(context.catalog.title(item)): item for item in reversed(candidates)}
    for said in (lines_in(reply.text), strings_in(reply.text)):
        said = said[: len(candidates) + 100]
        understood = context.catalog.resolve_all(said)
        found = [
            _begins(_written(name, 2 * quoting.TITLE), titles) or (match.item_index if match else 0)
            for name, match in zip(said, understood, strict=True)
        ]
        if named := dict.fromkeys(item for item in found if item in context.candidates):
            return tuple(named)
    return ()


def _written(title: str, longest: int = quoting.TITLE) -> str:
    """A title without what lines of an answer are stripped of, in small letters."""
    return next(iter(lines_in(quoting.tame(title, longest))), "").casefold()


def _begins(line: str, titles: Mapping[str, int]) -> int:
    """The candidate with the longest title that the line begins with, as a whole word; 0 for none."""
    fitting = [title for title in titles if title and line.startswith(title) and not line[len(title) :][:1].isalnum()]
    return titles[max(fitting, key=len)] if fitting else 0


BASELINE = Baseline(answer, lambda habits, _: 1, lambda habits: 1, ("chat_rec",))
