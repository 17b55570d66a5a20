"""The rank tool of a language model: any word to rank by, every name checked, asked again once, and no bias for places."""

import json
import re

import pytest

from agent.playing import Says, brief
from toolrec_cli.agent.llm_ranker import LLMRanker, RankHabits
from toolrec_cli.agent.merging import borda, interleaved, rrf
from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.errors import BudgetSpent, UsageError
from toolrec_cli.llm.messages import Reply, Request
from toolrec_cli.tools.protocol import Candidate, Context, Proposal, Refused
from toolrec_cli.tools.rank import Order, RankArguments, RankTool
from tools.small_world import catalog, context, ids


def answer(*names: object) -> str:
    """An order, as JSON."""
    return json.dumps({"items": list(names)})


def candidates(moment: Context) -> list[Candidate]:
    """What memory holds."""
    return list(moment.candidates.values())


def ordered(model: Says, *, attribute: str | None = None, habits: RankHabits | None = None, k: int = 3) -> Order:
    """The order of the first six films."""
    from dataclasses import replace

    moment = replace(context(range(1, 7)), wanted=k)
    found = LLMRanker(model, brief(), habits).order(candidates(moment), attribute, moment)
    assert isinstance(found, Order)
    return found


def listed(request: Request) -> list[str]:
    """The candidates of a question, in the order given."""
    return re.findall(r'^\{"id": "(\w+)"', request.messages[1].content.partition(" candidates:\n")[2], re.MULTILINE)


def test_the_order_is_the_models_and_the_attribute_is_any_word() -> None:
    model = Says(answer("104", "102", "106"))
    found = ordered(model, attribute="what my aunt would like")
    assert found.items == (("104", None), ("102", None), ("106", None))
    assert found.note == "Ordered by says with 'what my aunt would like' in mind."
    [asked] = model.requests
    assert asked.messages[1].content.endswith('Order them by this: "what my aunt would like". Name the 3 best.')
    assert listed(asked) == ids(range(1, 7))
    assert '"by": ["retrieve:none"]' in asked.messages[1].content


def test_names_that_are_no_candidates_are_asked_for_again_once_saying_what_was_wrong() -> None:
    """The paper's memory strategy; defect 6 of the released code: nothing checks a ranking."""
    model = Says(answer("104", "Nosferatu", "115"), answer("104", "102", "101"))
    found = ordered(model)
    assert [name for name, _ in found.items] == ids([4, 2, 1])
    assert 'named 1 candidates of 3. These are no candidates, or several: ["Nosferatu", "115"].' in (
        model.requests[1].messages[1].content
    )
    assert found.note == "Ordered by says; asked again 1 time: no candidates were 'Nosferatu', '115'."
    assert [each.purpose for each in found.exchanges] == ["rank", "rank"]


def test_after_the_second_wrong_answer_it_goes_on_with_the_better_one() -> None:
    found = ordered(Says(answer("104", "102", "x"), answer("y", "104")))
    assert [name for name, _ in found.items] == ["104", "102", "x"]
    assert len(found.exchanges) == 2


def test_too_few_names_are_asked_for_again() -> None:
    model = Says(answer("104"), answer("104", "102", "101"))
    assert len(ordered(model).items) == 3
    assert "named 1 candidates of 3." in model.requests[1].messages[1].content


@pytest.mark.parametrize(
    "reply",
    [
        Reply(""),
        Reply("I cannot."),
        Reply('{"items": ['),
        Reply(answer("104"), finish_reason="length"),
        Reply("", refusal="No."),
        Reply("[" * 100_000),
        Reply("{}"),
        Reply(answer()),
        Reply(answer([1], None)),
    ],
    ids=["empty", "no", "half", "cut", "declined", "nested", "nothing", "none", "types"],
)
def test_an_answer_without_names_is_asked_for_again_and_then_refused_with_what_was_asked(reply: Reply) -> None:
    moment = context(range(1, 7))
    model = Says(reply)
    refused = LLMRanker(model, brief()).order(candidates(moment), None, moment)
    assert isinstance(refused, Refused)
    assert (refused.reason, len(refused.exchanges)) == ("The ranking named no candidate.", 2)
    assert isinstance(LLMRanker(Says(reply, answer("104")), brief()).order(candidates(moment), None, moment), Order)


@pytest.mark.parametrize(
    "text",
    [
        '{"items": ["104", "102", "106"]}',
        '```json\n{"items": ["104", "102", "106"]}\n```',
        "Here you are: [104, 102, 106]. Enjoy!",
        "1. 104\n2. 102\n3. 106",
        "- `104`\n- `102`\n- `106`",
        '["Delta", "bravo", "Foxtrot (1968)"]',
    ],
)
def test_an_order_is_read_as_models_write_it(text: str) -> None:
    moment = context(range(1, 7))
    tool = RankTool(LLMRanker(Says(text), brief("react"), RankHabits(reruns=0)))
    found = tool(RankArguments(k=3), moment)
    assert isinstance(found, Proposal)
    resolved = [moment.catalog.resolve(named.name) for named in found.items]
    assert [match.item_index for match in resolved if match] == [4, 2, 6]


def test_the_same_item_ten_times_is_one() -> None:
    found = ordered(Says(answer(*["104"] * 10)))
    assert found.items == (("104", None),)


def _many(n: int) -> Catalog:
    import polars as pl

    frame = pl.DataFrame({"item_id": [f"i{i}" for i in range(1, n + 1)], "title": [f"T {i}" for i in range(1, n + 1)]})
    return Catalog(frame, [Attribute("none", Kind.TEXT, 0.0, 0)][:0])


class Sorts(Says):
    """Names the candidates with the greatest numbers first, as many as are asked for."""

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        names = sorted(listed(request), key=lambda name: -int(name[1:]))
        wanted = int(re.findall(r"Name the (\d+) best", request.messages[1].content)[-1])
        return Reply(answer(*names[:wanted]))


def test_more_than_a_hundred_are_asked_for_in_batches_whose_winners_are_ordered_once_more() -> None:
    model = Sorts()
    moment = context(range(1, 251), history=[], items=_many(250))
    found = LLMRanker(model, brief()).order(candidates(moment), None, moment)
    assert isinstance(found, Order)
    assert [name for name, _ in found.items][:10] == [f"i{i}" for i in range(250, 240, -1)]
    assert [len(listed(request)) for request in model.requests] == [84, 83, 83, 30]
    assert len(found.exchanges) == 4


def test_permutations_are_fresh_for_every_sample_user_and_round_and_the_same_for_the_same() -> None:
    def questions(user_index: int, step: int) -> list[list[str]]:
        from dataclasses import replace

        model = Sorts()
        moment = context(range(1, 17), history=[], step=step)
        moment = replace(moment, user=replace(moment.user, user_id=f"u{user_index}"))
        LLMRanker(Says(answer("101")), brief(), RankHabits(samples=3, reruns=0))
        model = Says(answer("101"))
        LLMRanker(model, brief(), RankHabits(samples=3, reruns=0)).order(candidates(moment), None, moment)
        assert [request.sample for request in model.requests] == [0, 1, 2]
        return [listed(request) for request in model.requests]

    first = questions(0, 2)
    orders = {tuple(order) for order in [*first, *questions(1, 2), *questions(0, 3)]}
    assert len(orders) == 9
    assert questions(0, 2) == first
    assert all(sorted(order) == sorted(catalog().item_id(i) for i in range(1, 17)) for order in first)


def test_a_model_that_likes_whatever_stands_first_has_no_say_over_several_permutations() -> None:
    """Asked often enough over fresh permutations, its favourites of place come out about even, and each is asked for once."""
    first = {}
    for seed in range(30):
        moment = context(range(1, 7))

        class First(Says):
            def reply(self, request: Request) -> Reply:
                return Reply(answer(*listed(request)[:3]))

        found = LLMRanker(First(""), brief(), RankHabits(samples=5, seed=seed)).order(candidates(moment), None, moment)
        assert isinstance(found, Order)
        first[found.items[0][0]] = first.get(found.items[0][0], 0) + 1
    assert len(first) >= 4


def test_merging_by_hand() -> None:
    assert borda([[1, 2], [2, 3]]) == [2, 1, 3]
    assert borda([[3], [1]]) == [1, 3]
    assert rrf([[1, 2], [2, 3]]) == [2, 1, 3]
    assert interleaved([[1, 4], [2], [3, 5]]) == [1, 2, 3, 4, 5]
    assert (borda([]), rrf([[]]), interleaved([])) == ([], [], [])


def test_samples_are_merged_and_said() -> None:
    found = ordered(
        Says(answer("101", "102"), answer("102", "101"), answer("102", "103")), habits=RankHabits(3, reruns=0)
    )
    assert [name for name, _ in found.items] == ids([2, 1, 3])
    assert found.note == "Ordered by says; merged from 3 permutations by borda."


def test_a_merge_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="Did you mean 'borda'"):
        LLMRanker(Says(""), brief(), RankHabits(merge="bordo"))


def test_what_the_world_did_is_no_refusal() -> None:
    class Spent(Says):
        def reply(self, request: Request) -> Reply:
            raise BudgetSpent("all of it")

    moment = context(range(1, 7))
    with pytest.raises(BudgetSpent):
        LLMRanker(Spent(""), brief()).order(candidates(moment), None, moment)
