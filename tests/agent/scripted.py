"""A surrogate that does as it is told, and an explorer over the small world for it."""

from collections.abc import Callable, Iterable, Sequence

from toolrec_cli.agent.loop import Explorer, Limits, SurrogateUser
from toolrec_cli.agent.trajectory import Shown, Trajectory, Turn
from toolrec_cli.data.facets import Facets
from toolrec_cli.tools.protocol import Action, Context
from toolrec_cli.tools.rank import Ranker
from tools.small_world import HISTORY, N_ITEMS, WrittenScores, catalog, toolbox, user


def retrieve(attribute: str | None = None, k: int = 5, **more: object) -> Action:
    """Retrieve[attribute, k]."""
    return Action("retrieve", {"attribute": attribute, "k": k, **more})


def rank(attribute: str | None = None, k: int = 5) -> Action:
    """Rank[attribute, k]."""
    return Action("rank", {"attribute": attribute, "k": k})


def finish(items: Sequence[object]) -> Action:
    """Finish[items]."""
    return Action("finish", {"items": list(items)})


class Scripted:
    """Says its lines in order, and the last one for ever; remembers the moments it was asked at."""

    name = "scripted"

    def __init__(self, *script: Action) -> None:
        self._script = script
        self.moments: list[Context] = []

    def next_turn(self, context: Context, trajectory: Trajectory) -> Turn:
        """The next line of the script."""
        self.moments.append(context)
        number = len(trajectory.steps)
        return Turn(f"thought {number + 1}", self._script[min(number, len(self._script) - 1)])


def explorer(
    surrogate: SurrogateUser,
    *,
    n: int = 10,
    max_rounds: int = 7,
    scorer: WrittenScores | None = None,
    ranker: Ranker | None = None,
    n_items: int = N_ITEMS,
) -> Explorer:
    """The surrogate in the small world."""
    items = catalog(n_items)
    scorer = scorer or WrittenScores(n_items=n_items)
    tools = toolbox(scorer, ranker)
    return Explorer(surrogate, tools, items, Facets(items), scorer.attributes, "small", Limits(n, max_rounds))


def explore(
    *script: Action,
    history: Iterable[int] = HISTORY,
    n: int = 10,
    max_rounds: int = 7,
    ranker: Ranker | None = None,
    on_step: Callable[[Trajectory], None] | None = None,
) -> Trajectory:
    """One exploration by script."""
    return explorer(Scripted(*script), n=n, max_rounds=max_rounds, ranker=ranker).explore(user(history), on_step)


def listed(trajectory: Trajectory) -> list[str]:
    """The item ids of the final list."""
    return [entry.item_id for entry in trajectory.ranking]


def shown(trajectory: Trajectory) -> set[str]:
    """The item ids of everything that was shown."""
    found = (step.observation for step in trajectory.steps)
    return {item.item_id for each in found if isinstance(each, Shown) for item in each.items}


def kinds(trajectory: Trajectory) -> list[str]:
    """What came of each round: "shown", "refused" or "finished"."""
    return [step.observation.kind for step in trajectory.steps]
