"""Scores for the retrieval tools: query vectors of a block of users, matched with each tool's item table user by user."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.best import best
from toolrec_cli.models.encoding import FloatArray, encode
from toolrec_cli.models.item_index import ItemIndex
from toolrec_cli.models.windows import IntArray


@dataclass(frozen=True)
class _Block:
    """Query vectors by attribute, [n_users, D], and which user's are in which row. Never changed."""

    rows: Mapping[int, int]
    queries: Mapping[str | None, FloatArray]


_STRAGGLERS = 64
"""Users of no block at hand whose query vectors are kept."""


class BlockScorer:
    """A backbone and its encoders over the histories up to the cut. Loaded once; `prepare` a block of users, then ask.

    Any number of threads may ask, also for users of the block before the last prepared, and of none.
    """

    def __init__(self, backbone: Any, encoders: Mapping[str, AttributeEncoder], histories: Interactions) -> None:
        self._indexes: Mapping[str | None, ItemIndex] = {}
        self._backbone = backbone
        self._encoders = encoders
        self._histories = histories
        table = backbone.item_vectors.detach()
        self._tables: dict[str | None, FloatArray] = {None: table.numpy()}
        self._tables |= {name: encoder.item_vectors(table).detach().numpy() for name, encoder in encoders.items()}
        self._blocks: tuple[_Block, ...] = ()
        self._singles: tuple[_Block, ...] = ()
        self._last: dict[str | None, tuple[int, FloatArray]] = {}
        """By tool, the user it was asked for last, and his scores: a ranker asks again for what was retrieved by."""
        self._encoding = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Sent to another process, it has no histories: `read` some there."""
        return {**self.__dict__, "_histories": None, "_blocks": (), "_singles": (), "_last": {}, "_encoding": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _encoding=threading.Lock())

    def read(self, histories: Interactions) -> None:
        """From now on, these histories; what was encoded of others is forgotten. For one thread alone."""
        self._histories, self._blocks, self._singles, self._last = histories, (), (), {}

    def with_tools(self, names: Sequence[str], others: Mapping[str, AttributeEncoder] | None = None) -> "BlockScorer":
        """The same backbone and histories with some of the encoders, and `others` beside them."""
        chosen = {name: self._encoders[name] for name in names}
        found = BlockScorer(self._backbone, {**chosen, **(others or {})}, self._histories)
        found.retrieve_by({name: index for name, index in self._indexes.items() if name is None or name in chosen})
        return found

    def retrieve_by(self, indexes: Mapping[str | None, ItemIndex]) -> None:
        """From now on, `near` asks these. For one thread alone."""
        self._indexes = indexes

    @property
    def backbone(self) -> Any:
        """The frozen backbone."""
        return self._backbone

    @property
    def encoders(self) -> Mapping[str, AttributeEncoder]:
        """The encoder of every attribute."""
        return self._encoders

    @property
    def tables(self) -> Mapping[str | None, FloatArray]:
        """Each tool's item table, [N + 1, query size]."""
        return self._tables

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that have an encoder."""
        return tuple(self._encoders)

    def prepare(self, users: IntArray) -> None:
        """Encode the histories of these users (user_index) in one go. The block before is kept: some may still be under way."""
        self._blocks = (self._encoded(users), *self._blocks[:1])

    def scores(self, attribute: str | None, user_index: int) -> FloatArray:
        """A fresh array with the score of every item for one user, [N + 1]."""
        last = self._last.get(attribute)
        if last is None or last[0] != user_index:
            # One user at a time, and not a block's in one product, whose sums would depend on the company.
            last = user_index, self._tables[attribute] @ self._query(attribute, user_index)
            self._last[attribute] = last
        return last[1].copy()

    def near(self, attribute: str | None, user_index: int, n: int) -> tuple[IntArray, FloatArray] | None:
        """About `n` items that are likely the user's best (item_index), and their scores; None where there is no index."""
        if (index := self._indexes.get(attribute)) is None:
            return None
        query = self._query(attribute, user_index)
        items = index.near(query, n)
        return items, self._tables[attribute][items] @ query

    def _query(self, attribute: str | None, user_index: int) -> FloatArray:
        for block in (*self._blocks, *self._singles):
            if user_index in block.rows:
                break
        else:  # a straggler must not push out those who are in their block
            block = self._encoded(np.array([user_index]))
            self._singles = (*self._singles[-_STRAGGLERS:], block)
        return block.queries[attribute][block.rows[user_index]]

    def best(self, attribute: str | None, users: IntArray, k: int) -> IntArray:
        """The `k` best items that each of `users` (user_index) does not have, [n_users, k]; 0 where there are fewer.

        For many at once. Sums are taken in another order than by `scores`: of items whose scores agree to rounding, another may
        come first.
        """
        histories = self._histories.of(users)
        with self._encoding:
            queries = encode(self._backbone, {n: e for n, e in self._encoders.items() if n == attribute}, histories)
        return best(queries[attribute], self._tables[attribute], histories.items, histories.offsets, k)

    def _encoded(self, users: IntArray) -> _Block:
        histories = self._histories.of(users)
        with self._encoding:
            queries = encode(self._backbone, self._encoders, histories)
        return _Block({int(user): row for row, user in enumerate(users)}, queries)
