"""Memory without its strategy: what it believes, and what scoring then finds."""

from dataclasses import replace

from agent.scripted import Scripted, explorer, finish, listed, retrieve
from toolrec_cli.agent.trajectory import Status
from toolrec_cli.agent.unchecked import OpenCatalog, UncheckedFinish, UncheckedMemory, WidenedScorer
from toolrec_cli.data.facets import Facets
from toolrec_cli.tools.protocol import Named, Proposal
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.retrieve import RetrievalTool
from toolrec_cli.tools.toolbox import Toolbox
from tools.small_world import WrittenScores, catalog, user


def test_a_strange_name_is_an_item_until_the_next_user() -> None:
    found = OpenCatalog(catalog(), spare=2)
    match = found.resolve("nobody")
    assert match is not None
    assert match.item_index == found.n_real + 1
    assert found.resolve("nobody") == match
    assert (found.item_id(match.item_index), found.title(match.item_index)) == ("nobody", "")
    assert found.described(match.item_index) == {}
    assert found.resolve("103") == catalog().resolve("103")
    assert found.resolve("other") is not None
    assert found.resolve("third") is None
    found.forget()
    assert found.resolve("third") is not None


def test_everything_is_admitted() -> None:
    items = OpenCatalog(catalog())
    memory = UncheckedMemory(items, user().history)
    names = ("101", "115", "nobody", "101")
    proposal = Proposal(tuple(Named(name, place) for place, name in enumerate(names, start=1)))
    admission = memory.admit(proposal, "rank", None, None, 1)
    assert [index for index, _, _ in admission.items] == [1, 15, items.n_real + 1, 1]
    assert [new for _, _, new in admission.items] == [True, True, True, False]
    assert admission.rejected == ()


def test_a_whole_exploration_believes_what_it_is_told() -> None:
    """Item 115 is of the history, "nobody" of no catalogue; both are listed, and twice where they are named twice."""
    items = OpenCatalog(catalog())
    base = explorer(Scripted(retrieve(k=3), finish(["103", "101", "101", "999"])), n=3)

    class Liar(RetrievalTool):
        def __call__(self, arguments, context):  # type: ignore[no-untyped-def]
            said = super().__call__(arguments, context)
            return replace(said, items=(*said.items, Named("nobody", 4), Named("115", 5)))  # type: ignore[arg-type]

    toolbox = Toolbox(
        [Liar(WidenedScorer(WrittenScores())), RankTool(base.toolbox.tools["rank"]), UncheckedFinish()]  # type: ignore[arg-type]
    )
    surrogate = Scripted(retrieve(k=3), finish(["nobody", "115", "101", "101"]))
    open_one = replace(
        base, surrogate=surrogate, toolbox=toolbox, catalog=items, facets=Facets(items), memory=UncheckedMemory
    )
    trajectory = open_one.explore(user())
    assert trajectory.status is Status.FINISHED
    assert listed(trajectory) == ["nobody", "115", "101"]


def test_no_tool_brings_a_spare_item() -> None:
    scores = WidenedScorer(WrittenScores(), spare=3).scores(None, 0)
    assert len(scores) == 16 + 1 + 3
    assert (scores[-3:] == float("-inf")).all()
