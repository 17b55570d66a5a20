"""How famous, and how new to the world, what is recommended is. Popularity is counted up to the cut, over everybody."""

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]

HEAD_SHARE = 0.2
"""The head is the most popular fifth of the catalogue."""


def head(counts: IntArray) -> npt.NDArray[np.bool_]:
    """Which items are the head; ties by item_index. counts [N + 1], entry 0 is padding."""
    order = np.argsort(-counts[1:], kind="stable") + 1
    found = np.zeros(len(counts), np.bool_)
    found[order[: max(1, round(HEAD_SHARE * len(order)))]] = True
    return found


def popularity(lists: IntArray, counts: IntArray) -> FloatArray:
    """ARP (Yin et al., VLDB 2012): the mean number of interactions of what is listed. [n_users], NaN for an empty list."""
    return mean_of(lists, counts.astype(np.float64))


def head_share(lists: IntArray, counts: IntArray) -> FloatArray:
    """How much of a list is from the head. [n_users], NaN for an empty list."""
    return mean_of(lists, head(counts).astype(np.float64))


def novelty(lists: IntArray, counts: IntArray, n_users: int) -> FloatArray:
    """Mean self-information −log₂ of the share of users who know the item (Zhou et al., PNAS 2010; Vargas, Castells 2011).

    Smoothed by one, so that an item nobody knows is as novel as log₂(n_users + 1) bits. [n_users], NaN for an empty list.
    """
    known = (np.minimum(counts, n_users) + 1.0) / (n_users + 1.0)
    return mean_of(lists, -np.log2(known))


def mean_of(lists: IntArray, values: FloatArray) -> FloatArray:
    """The mean of `values` [N + 1] over each list's items. [n_users], NaN for an empty list."""
    there = lists > 0
    with np.errstate(invalid="ignore"):
        return np.where(there, values[lists], 0.0).sum(axis=1) / there.sum(axis=1)
