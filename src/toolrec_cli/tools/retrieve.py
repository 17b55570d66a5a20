"""Retrieve[attribute, K]: K items from the model that also encodes the attribute's sequence (PAPER, retrieval tools)."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from toolrec_cli.data.catalog import Kind
from toolrec_cli.errors import near_misses, unknown
from toolrec_cli.tools.protocol import Context, Named, Proposal, Refused, User

MAX_K = 200

_GROUP = 256
"""So many items are first looked at as one, fewer in a small catalogue: a thirtieth of the time at a million items."""

_RANGES = {
    Kind.NUMERIC: " Ranges are written 5..10, <10 or >=5.",
    Kind.DATE: " Ranges are written 2014..2015, <2014-07 or >=2014.",
}

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Scorer(Protocol):
    """Where scores come from."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that have an encoder."""
        ...

    def scores(self, attribute: str | None, user_index: int) -> FloatArray:
        """A fresh array with the score of every item for one user, [N + 1]; `None` is the plain backbone."""
        ...

    def near(self, attribute: str | None, user_index: int, n: int) -> tuple[IntArray, FloatArray] | None:
        """About `n` items that are likely the best (item_index, in no order), and their scores; None: there is no index."""
        ...


class RetrieveArguments(BaseModel):
    """What retrieve is called with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    attribute: str | None = None
    k: int = Field(ge=1, le=MAX_K)
    value: str | None = None


def masked(scores: FloatArray, history: npt.NDArray[np.int32]) -> FloatArray:
    """The scores with padding and the user's own items out of reach (in place)."""
    scores[0] = -np.inf
    scores[history] = -np.inf
    return scores


def top_k(scores: FloatArray, k: int) -> IntArray:
    """The `k` best item_index, best first, ties by item_index; items at minus infinity never."""
    k = min(k, len(scores) - 1)
    if k <= 0:
        return np.zeros(0, np.int64)
    best = np.flatnonzero(scores >= _least(scores, k))
    best = best[scores[best] > -np.inf]
    return best[np.lexsort((best, -scores[best]))][:k]


def _least(scores: FloatArray, k: int) -> np.float32:
    """A score that at least `k` items reach, and hardly any others: the k-th highest, or of many the k-th of the groups' bests.

    Each of `k` groups has an item that reaches it; and who is among the `k` best reaches it, too.
    """
    size = min(_GROUP, len(scores) // (2 * k))
    if size > 1:
        groups = len(scores) // size
        scores = scores[: size * groups].reshape(size, groups).max(axis=0)
    return np.partition(scores, len(scores) - k)[len(scores) - k]


class RetrievalTool:
    """All retrieval tools behind one name; the attribute chooses the encoder."""

    name = "retrieve"
    about = (
        f"retrieve(attribute, k, value): attribute is a trained one or null, k from 1 to {MAX_K}, value optional "
        "(of numbers also 5..10, <10 or >=5)."
    )
    Arguments = RetrieveArguments

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def __call__(self, arguments: RetrieveArguments, context: Context) -> Proposal | Refused:
        """The k best items the user does not have; with `value`, only items that have it."""
        attribute = arguments.attribute
        if attribute is not None and attribute not in self._scorer.attributes:
            return Refused(
                unknown(
                    "retrieval tool for", attribute, self._scorer.attributes, hint=_there_is(self._scorer.attributes)
                ),
                f"Use one of: {', '.join([*self._scorer.attributes, 'null'])}.",
            )
        if arguments.value is not None and attribute is None:
            return Refused("A value needs an attribute.", "Name the attribute that the value belongs to.")
        if arguments.value is None:
            found, scores = best_of(self._scorer, attribute, context.user, arguments.k)
            if not len(found):
                return Refused("The user already has every item there is.", "There is nothing left to retrieve.")
            return _proposal(context, found, scores, np.arange(1, len(found) + 1))
        scores = masked(self._scorer.scores(attribute, context.user.user_index), context.user.history)
        return _having(arguments, context, scores)


def best_of(scorer: Scorer, attribute: str | None, user: User, k: int) -> tuple[IntArray, FloatArray]:
    """The user's `k` best items that he does not have, best first, and their scores; by the index, where there is one.

    Of what an index names, too little may be left when his own items are gone: then every item is scored.
    """
    near = scorer.near(attribute, user.user_index, k + len(user.history))
    if near is not None:
        items, scores = near
        new = ~np.isin(items, user.history)
        if new.sum() >= k:
            items, scores = items[new], scores[new]
            order = np.lexsort((items, -scores))[:k]
            return items[order], scores[order]
    scores = masked(scorer.scores(attribute, user.user_index), user.history)
    found = top_k(scores, k)
    return found, scores[found]


def _there_is(attributes: tuple[str, ...]) -> str:
    return f"There is: {', '.join(attributes)}." if attributes else "No attribute has one."


def _having(arguments: RetrieveArguments, context: Context, scores: FloatArray) -> Proposal | Refused:
    """The same, among the items that have the value; ranks stay those among all items, so that a filter adds no evidence."""
    attribute, value = str(arguments.attribute), str(arguments.value)
    having, note = context.facets.having(attribute, value), ""
    if having is None and (meant := context.facets.meant(attribute, value)) is not None:
        having, note = (
            context.facets.having(attribute, meant),
            f"No item has {attribute} {value!r:.60}: {meant!r} is meant.",
        )
    if having is None:
        return _nobody_has(attribute, value, context)
    found = top_k(np.where(having, scores, np.float32(-np.inf)), arguments.k)
    if not len(found):
        return Refused(f"The user already has every item with {attribute} {value!r}.", "Choose another value.")
    return _proposal(context, found, scores[found], _places(scores, found), note)


def _places(scores: FloatArray, found: IntArray) -> IntArray:
    """The place (from 1) of each of `found` among all items, best first, ties by item_index."""
    ordered = np.sort(scores[scores >= scores[found].min()])
    first = np.searchsorted(ordered, scores[found], side="left")
    last = np.searchsorted(ordered, scores[found], side="right")
    places = 1 + len(ordered) - last
    for tied in np.flatnonzero(last - first > 1):
        item = found[tied]
        places[tied] += int((scores[:item] == scores[item]).sum())
    return places


def _nobody_has(attribute: str, value: str, context: Context) -> Refused:
    names = context.facets.names(attribute)
    near = near_misses(value, names) or names[:10]
    ranges = _RANGES.get(context.catalog.attribute(attribute).kind, "")
    there = f"There is, for instance: {', '.join(near)}." if near else "It has no values to ask for."
    return Refused(f"No item has {attribute} {value!r:.60}.", f"{there}{ranges}")


def _proposal(context: Context, found: IntArray, scores: FloatArray, ranks: IntArray, note: str = "") -> Proposal:
    """`found` (item_index) as names, each with its score and rank."""
    name = context.catalog.item_id
    triples = zip(found.tolist(), ranks.tolist(), rounded(scores), strict=True)
    return Proposal(tuple([Named(name(index), rank, score) for index, rank, score in triples]), note)


def rounded(scores: FloatArray) -> list[float]:
    """To four places, as `round` does it one by one."""
    return np.round(scores.astype(np.float64), 4).tolist()
