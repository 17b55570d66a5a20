"""Finish[list]: the surrogate's own list is the answer, if it holds only items it has been shown."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

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

    A name that breaks the rule is dropped; if enough remain, the first `n` are the answer, else the list is refused.
    """
    wanted = min(context.n, len(context.candidates))
    kept: dict[int, None] = {}
    faults: list[str] = []
    for name in names:
        fault = _fault(name, kept, context)
        if isinstance(fault, str):
            faults.append(fault)
        else:
            kept[fault] = None
    if len(kept) < wanted:
        reason = f"The list has {len(kept)} valid items of {wanted}. {_first(faults)}".strip()
        return Refused(reason, f"Name {wanted} different items among those shown.")
    if len(kept) > context.n:
        faults.append(f"only the first {context.n} of {len(kept)} are kept")
    return Accepted(tuple(kept)[: context.n], tuple(faults))


def _fault(name: str, kept: dict[int, None], context: Context) -> int | str:
    """The item that `name` means, or what is wrong with it."""
    match = context.catalog.resolve(name)
    if match is None:
        return f"{name!r:.60} is not in the catalogue"
    if match.item_index in kept:
        return f"{name!r:.60} stands there twice"
    if match.item_index in context.user.history:
        return f"{name!r:.60} is already in the history"
    if match.item_index not in context.candidates:
        return f"{name!r:.60} was never shown"
    return match.item_index


def _first(faults: list[str], limit: int = 5) -> str:
    more = f" and {len(faults) - limit} more" if len(faults) > limit else ""
    return "; ".join(faults[:limit]) + more + ("." if faults else "")
