"""Lists that are looked at further down than the surrogate was asked for: its own places stay, what it was shown follows."""

import numpy as np
import numpy.typing as npt

from toolrec_cli.agent.trajectory import Shown, Trajectory
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Candidate, Mark

IntArray = npt.NDArray[np.int64]


def lengthened(own: IntArray, trajectory: Trajectory, catalog: Catalog, agreed: IntArray, depth: int) -> IntArray:
    """The surrogate's list, and below it to `depth` what it was shown by agreement of the tools, then what all tools agree on.

    So a figure at 10 is the same whether one at 20 is asked for or not. A list shorter than its `n` is left as it is: a place
    that the surrogate did not fill is nobody's to fill.
    """
    if depth <= trajectory.n or len(own) < trajectory.n:
        return own
    places = dict.fromkeys([*own.tolist(), *shown_by_agreement(trajectory, catalog), *agreed.tolist()])
    return np.array(list(places)[:depth], dtype=np.int64)


def shown_by_agreement(trajectory: Trajectory, catalog: Catalog) -> list[int]:
    """What memory held in the end (item_index), fused as the loop would have had it been cut short."""
    held: dict[int, Candidate] = {}
    for number, step in enumerate(trajectory.steps, start=1):
        if step.action.tool != "retrieve" or not isinstance(step.observation, Shown):
            continue
        attribute, value = step.action.arguments.get("attribute"), step.action.arguments.get("value")
        for item in step.observation.items:
            if match := catalog.resolve(item.item_id):
                mark = Mark("retrieve", attribute, value, item.rank, item.score, number)
                held.setdefault(match.item_index, Candidate(match.item_index, [])).marks.append(mark)
    return [index for index, _ in fused(held.values())]
