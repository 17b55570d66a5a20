"""Finish[list]: the surrogate's own list is the answer, if it holds only items it has been shown."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from toolrec_cli.data.catalog import Match
from toolrec_cli.tools.fusion import fused
from toolrec_cli.tools.protocol import Accepted, Context, Refused


class FinishArguments(BaseModel):
    """What finish is called with: item ids (or exact titles), best first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    items: list[str]


class FinishTool:
    """Ends the exploration."""

    name = "finish"
    about = "finish(items): the final list, item ids, best first, only items that were shown, none twice."
    Arguments = FinishArguments

    def __call__(self, arguments: FinishArguments, context: Context) -> Accepted | Refused:
        """Accept the list, or refuse it with every fault named."""
        return check_list(arguments.items, context)


def check_list(names: Sequence[str], context: Context) -> Accepted | Refused:
    """The rule of a final list: shown, not in the history, no item twice, `n` of them (or all there are, if fewer).

    A name that breaks the rule is dropped; if enough remain, the first `n` are the answer, else the list is refused. In the
    last round, when it can no longer be mended, a list with at least one valid item is filled up by what the tools agree on.
    """
    wanted = min(context.n, len(context.candidates))
    kept, faults = _sorted_out(names, context)
    if len(kept) < wanted:
        if kept and context.last_round:
            return _padded(kept, faults, wanted, context)
        reason = f"The list has {len(kept)} valid items of {wanted}. {_first(faults)}".strip()
        return Refused(reason, f"Name {wanted} different items among those shown.")
    if len(kept) > context.n:
        faults.append(f"only the first {context.n} of {len(kept)} are kept")
    return Accepted(tuple(kept)[: context.n], tuple(faults))


def _sorted_out(names: Sequence[str], context: Context) -> tuple[list[int], list[str]]:
    """The items that may stay, in order, and what is to be said of the other names, or of how a name was understood."""
    kept: dict[int, None] = {}
    notes: list[str] = []
    for name, match in zip(names, context.catalog.resolve_all(names), strict=True):
        fault = _fault(match, kept, context)
        if match is None or fault:
            notes.append(f"{name!r:.60} {fault}")
            continue
        kept[match.item_index] = None
        if match.how not in ("id", "title"):
            notes.append(f"{name!r:.60} was taken for {context.catalog.item_id(match.item_index)!r:.60} ({match.how})")
    return list(kept), notes


def _fault(match: Match | None, kept: dict[int, None], context: Context) -> str:
    """What is wrong with an item in a final list; empty when nothing is."""
    if match is None:
        return "is not in the catalogue"
    if match.item_index in kept:
        return "stands there twice"
    if match.item_index in context.user.history:
        return "is already in the history"
    return "" if match.item_index in context.candidates else "was never shown"


def _padded(kept: list[int], notes: list[str], wanted: int, context: Context) -> Accepted:
    """The list as far as it goes, then the best of memory by fusion, which are named as added."""
    rest = [index for index, _ in fused(context.candidates.values()) if index not in kept]
    added = tuple(rest[: wanted - len(kept)])
    said = f"the list had {len(kept)} valid items of {wanted}: the last {len(added)} were added from memory"
    return Accepted((*kept, *added), (*notes, said), added)


def _first(faults: list[str], limit: int = 5) -> str:
    more = f" and {len(faults) - limit} more" if len(faults) > limit else ""
    return "; ".join(faults[:limit]) + more + ("." if faults else "")
