"""The rank tool: the ranker's order, cut at k; what the ranker cannot do is refused."""

from collections.abc import Sequence

from toolrec_cli.tools.protocol import Candidate, Context, Exchange, Named, Proposal, Refused
from toolrec_cli.tools.rank import Order, RankArguments, RankTool
from tools.small_world import context, ids


class Backwards:
    """Orders by item_index, greatest first; knows no attribute but "genre"."""

    def order(
        self, candidates: Sequence[Candidate], attribute: str | None, context: Context
    ) -> list[tuple[str, float | None]] | Refused:
        if attribute not in (None, "genre"):
            return Refused("I cannot.", "Ask me for genre.")
        items = sorted((candidate.item_index for candidate in candidates), reverse=True)
        return [(context.catalog.item_id(item), None) for item in items]

    def note(self, context: Context) -> str:
        return f"backwards for {context.user.user_id}"


def test_the_k_best_in_the_rankers_order_with_places_from_1() -> None:
    found = RankTool(Backwards())(RankArguments(attribute="genre", k=2), context([3, 9, 4]))
    assert found == Proposal((Named("109", 1), Named("104", 2)), "backwards for u0")


def test_more_than_there_are_is_all_there_are() -> None:
    found = RankTool(Backwards())(RankArguments(k=200), context([3, 9, 4]))
    assert isinstance(found, Proposal)
    assert [named.name for named in found.items] == ids([9, 4, 3])


def test_what_the_ranker_refuses_is_refused() -> None:
    refusal = RankTool(Backwards())(RankArguments(attribute="actors", k=2), context([3]))
    assert refusal == Refused("I cannot.", "Ask me for genre.")


class Asked:
    """Brings an order of its own note and exchanges; remembers how many were wanted."""

    wanted: int | None = None

    def order(self, candidates: Sequence[Candidate], attribute: str | None, context: Context) -> Order:
        self.wanted = context.wanted
        return Order((("109", None), ("nobody", None), ("103", 0.5)), "mine", (Exchange("rank", "…"),))

    def note(self, context: Context) -> str:
        raise AssertionError("the order brings its note")


def test_an_order_brings_its_note_and_what_was_asked_for_it_and_is_told_how_many_are_wanted() -> None:
    ranker = Asked()
    found = RankTool(ranker)(RankArguments(k=2), context([3, 9, 4]))
    names = (Named("109", 1), Named("nobody", 2), Named("103", 3, 0.5))
    assert found == Proposal(names, "mine", (Exchange("rank", "…"),))
    assert ranker.wanted == 2
