"""Scores for the retrieval tools: query vectors of a block of users, matched with each tool's item table user by user."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.attribute_encoder import AttributeEncoder
from toolrec_cli.models.encoding import FloatArray, encode
from toolrec_cli.models.fitting import histories_of
from toolrec_cli.models.windows import IntArray


class BlockScorer:
    """A backbone and its encoders over the histories up to the cut. Loaded once; `prepare` a block of users, then ask."""

    def __init__(self, backbone: Any, encoders: Mapping[str, AttributeEncoder], histories: Interactions) -> None:
        self._backbone = backbone
        self._encoders = encoders
        self._histories = histories
        table = backbone.item_vectors.detach()
        self._tables: dict[str | None, FloatArray] = {None: table.numpy()}
        self._tables |= {name: encoder.item_vectors(table).detach().numpy() for name, encoder in encoders.items()}
        self._rows: dict[int, int] = {}
        self._queries: Mapping[str | None, FloatArray] = {}

    def with_tools(self, names: Sequence[str], others: Mapping[str, AttributeEncoder] | None = None) -> "BlockScorer":
        """The same backbone and histories with some of the encoders, and `others` beside them."""
        chosen = {name: self._encoders[name] for name in names}
        return BlockScorer(self._backbone, {**chosen, **(others or {})}, self._histories)

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
        """Encode the histories of these users (user_index) in one go; earlier ones are forgotten."""
        items, offsets = histories_of(self._histories, users)
        self._queries = encode(self._backbone, self._encoders, items, offsets)
        self._rows = {int(user): row for row, user in enumerate(users)}

    def scores(self, attribute: str | None, user_index: int) -> FloatArray:
        """A fresh array with the score of every item for one user, [N + 1]."""
        if user_index not in self._rows:
            self.prepare(np.array([user_index]))
        return self._tables[attribute] @ self._queries[attribute][self._rows[user_index]]
