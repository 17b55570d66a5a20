"""Item vectors to begin with: items that stand near each other in histories, near each other.

How much oftener two items meet within REACH places than by chance, as the logarithm of the ratio (pointwise mutual information)
where it is positive, is one symmetric matrix; its strongest directions, at most D, are the vectors, as Levy and Goldberg (NIPS
2014) explain word2vec. Where most items are rare, a backbone that begins there learns in fewer epochs, and more.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.models.windows import IntArray
from toolrec_cli.seeds import stream, stream_seed

Floats = npt.NDArray[np.float64]

COMPANY, RANDOM = "company", "random"
CHOICES = (COMPANY, RANDOM)
"""What item vectors may begin as."""

REACH = 5
"""Farther apart two items have not met; nearer ones count as 1 / their distance."""

STD = 0.02
"""Of all numbers in the vectors; that of every other initial weight."""

MEETINGS = 8_000_000
"""Of a larger log, so many are counted (a good GB at the peak): those of some users, drawn by the seed."""

AT_ONCE = 250_000
"""Interactions whose meetings are sorted together."""

MOST_ITEMS = 2_000_000
"""Of a larger catalogue nothing is sought: the search holds three times 100 numbers an item."""

SPARE, ROUNDS = 32, 8
"""Directions that are sought besides, and how often the search is refined (Halko et al., arXiv 0909.4061, algorithm 4.4)."""

WEAK = 1e-4
"""A direction less than so much as strong as the strongest is no more than rounding."""

SLIGHT = 0.01
"""An item whose numbers are less than so much as large as those of all lies in none of the directions."""


def chosen_item_vectors(choice: str, n_items: int) -> str:
    """What `choice` is for a catalogue of `n_items`. Raises UsageError with the near miss."""
    if choice not in CHOICES:
        raise UsageError(unknown("beginning of item vectors", choice, CHOICES))
    return RANDOM if n_items > MOST_ITEMS else choice


def begin_with(choice: str, table: Tensor, histories: Interactions, seed: int) -> None:
    """Fill an item table [N + 1, D] by a `choice` of CHOICES: "random" leaves it as it is.

    So does "company" with the padding, with items that met no other or lie in none of the strongest directions, and with
    directions that the data do not have.
    """
    n_items = len(table) - 1
    if choice == RANDOM:
        return
    vectors = company_vectors(histories, n_items, min(table.shape[1], n_items), seed)
    met = vectors.any(dim=1)
    if met.any():
        vectors *= STD / vectors[met].square().mean().sqrt()
        told = vectors.square().mean(dim=1).sqrt() > SLIGHT * STD
        with torch.no_grad():
            table[told.to(table.device), : vectors.shape[1]] = vectors[told].to(table)


def company_vectors(histories: Interactions, n_items: int, width: int, seed: int) -> Tensor:
    """[N + 1, width] (float32, on the CPU), or narrower; the strongest direction first; zero for what met nothing.

    Directions whose strength is negative are left out: along them lies apart what is met together.
    """
    matrix = _information(_met(histories, n_items, seed))
    known: IntArray = matrix.indices()[0].numpy()
    if not known.size:
        return torch.zeros(n_items + 1, 0)
    strengths, directions = _strongest(matrix, width, seed)
    there = strengths > WEAK * strengths.max()
    vectors = torch.zeros(n_items + 1, int(there.sum()))
    vectors[known] = (directions[:, there] * strengths[there].sqrt())[known]
    return vectors


def _met(histories: Interactions, n_items: int, seed: int) -> Tensor:
    """How often each two items have met, by distance: a symmetric sparse matrix [N + 1, N + 1] (float64, coalesced)."""
    keys, counts = np.empty(0, np.int64), np.empty(0)
    for some in _in_blocks(_some(histories, seed)):
        more, weights = _pairs(some, n_items + 1)
        keys, place = np.unique(np.concatenate([keys, more]), return_inverse=True)
        counted = np.bincount(place, np.concatenate([counts, weights]), len(keys))
        counts = counted.astype(np.float64)  # of nothing it makes whole numbers
    pairs, values = torch.from_numpy(np.stack(np.divmod(keys, n_items + 1))), torch.from_numpy(counts)
    both = torch.cat([pairs, pairs.flip(0)], dim=1)
    return _sparse(both, torch.cat([values, values]), n_items + 1)


def _pairs(histories: Interactions, n: int) -> tuple[IntArray, Floats]:
    """Every meeting: the lower item_index times `n` plus the higher, and what it counts for."""
    owner = np.repeat(np.arange(len(histories.offsets) - 1), np.diff(histories.offsets))
    items, keys, sizes = histories.items.astype(np.int64), list[IntArray](), list[int]()
    for apart in range(1, REACH + 1):
        one, other = items[:-apart], items[apart:]
        met = (owner[apart:] == owner[:-apart]) & (one != other)
        keys.append(np.minimum(one, other)[met] * n + np.maximum(one, other)[met])
        sizes.append(len(keys[-1]))
    return np.concatenate(keys), np.repeat(1.0 / np.arange(1, REACH + 1), sizes)


def _sparse(pairs: Tensor, values: Tensor, n: int) -> Tensor:
    with torch.sparse.check_sparse_tensor_invariants(enable=False):  # said aloud, or torch warns that it does not check
        return torch.sparse_coo_tensor(pairs, values, (n, n)).coalesce()


def _some(histories: Interactions, seed: int) -> Interactions:
    """All of them, or as many users' as have MEETINGS."""
    n_users, meetings = len(histories.offsets) - 1, REACH * len(histories.items)
    if meetings <= MEETINGS:
        return histories
    drawn = stream(seed, "company users").permutation(n_users)[: max(1, n_users * MEETINGS // meetings)]
    return histories.of(np.sort(drawn))


def _in_blocks(histories: Interactions) -> list[Interactions]:
    """Users one after another, about AT_ONCE interactions in a block."""
    blocks = histories.offsets[:-1] // AT_ONCE
    bounds = np.flatnonzero(np.diff(blocks, prepend=-1, append=blocks.max(initial=0) + 1))
    users: IntArray = np.arange(len(blocks))
    return [histories.of(users[begin:end]) for begin, end in pairwise(bounds)]


def _information(met: Tensor) -> Tensor:
    """log(p(a, b) / (p(a) p(b))) where it is positive, of a coalesced symmetric matrix (float32, coalesced)."""
    (rows, columns), counts = met.indices(), met.values()
    by_item = torch.zeros(met.shape[0], dtype=torch.float64).index_add(0, rows, counts)
    found = (counts * counts.sum() / (by_item[rows] * by_item[columns])).log()
    kept = found > 0
    return _sparse(met.indices()[:, kept], found[kept].float(), met.shape[0])


def _strongest(matrix: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """(eigenvalues [width], eigenvectors [N + 1, width]) of a symmetric sparse matrix, the greatest first, about."""
    drawn = torch.Generator().manual_seed(stream_seed(seed, "company directions"))
    n = matrix.shape[0]
    basis = torch.randn(n, min(width + SPARE, n), generator=drawn, dtype=matrix.dtype)
    for _ in range(ROUNDS):
        basis = _orthonormal(matrix @ basis)
    values, vectors = _eigen(basis.T @ (matrix @ basis))
    order = values.argsort(descending=True)[:width]
    return values[order], basis @ vectors[:, order]


def _orthonormal(matrix: Tensor) -> Tensor:
    return torch.linalg.qr(matrix)[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    return torch.linalg.eigh(matrix)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
