"""Several orders of the same candidates made into one: against the bias of a model for what stands first."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import zip_longest

from toolrec_cli.tools.fusion import RRF_CONSTANT

Orders = Sequence[Sequence[int]]


def borda(orders: Orders) -> list[int]:
    """By points: of n items in an order the first gets n, the last 1, one that is not in it none. Ties by item_index."""
    return _by_points(orders, lambda place, n: n - place + 1)


def rrf(orders: Orders) -> list[int]:
    """By reciprocal rank: the item at place p gets 1 / (60 + p). Ties by item_index."""
    return _by_points(orders, lambda place, _: 1.0 / (RRF_CONSTANT + place))


def interleaved(orders: Orders) -> list[int]:
    """All firsts, then all seconds: of orders that have no item in common."""
    return [item for row in zip_longest(*orders) for item in row if item is not None]


MERGES: dict[str, Callable[[Orders], list[int]]] = {"borda": borda, "rrf": rrf}
"""By the name an option takes."""


def _by_points(orders: Orders, points: Callable[[int, int], float]) -> list[int]:
    total: dict[int, float] = defaultdict(float)
    longest = max(map(len, orders), default=0)
    for order in orders:
        for place, item in enumerate(order, start=1):
            total[item] += points(place, longest)
    return sorted(total, key=lambda item: (-total[item], item))
