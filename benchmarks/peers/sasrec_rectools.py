"""RecTools' SASRecModel: softmax loss, batches of 128, Adam at 1e-3 (its defaults), four heads, one epoch after another."""

import logging
import warnings

import numpy as np
import pandas as pd
from race import SHAPE, Data, IntArray, Race, arguments
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def frame(part: tuple[IntArray, IntArray]) -> Dataset:
    offsets, items = part
    users = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(len(items)), unit="s")
    names = {Columns.User: users, Columns.Item: items, Columns.Weight: 1.0, Columns.Datetime: order}
    return Dataset.construct(pd.DataFrame(names))


def scores(model: SASRecModel, data: Data, known: Dataset, users: IntArray) -> np.ndarray:
    """Its own lists of ten unseen items: what stands higher scores higher, and all others score alike below them."""
    found = model.recommend(users, known, k=10, filter_viewed=True)
    table = np.full((len(users), data.n_items), -1.0, np.float32)
    rows = np.searchsorted(users, found[Columns.User].to_numpy())
    table[rows, found[Columns.Item].to_numpy() - 1] = 10.0 - found[Columns.Rank].to_numpy()
    return table


data, budget = arguments()
race = Race(data, budget)
model = SASRecModel(
    n_factors=SHAPE["width"], n_blocks=SHAPE["layers"], session_max_len=SHAPE["length"], deterministic=True, verbose=0
)
train, known = frame(data.train), frame(data.known)
per_epoch = int(np.minimum(np.diff(data.train[0]) - 1, SHAPE["length"]).clip(min=0).sum())
epoch = 0
while not race.is_over():
    model.fit_partial(train, min_epochs=1, max_epochs=1)
    epoch += 1
    race.lap(epoch * per_epoch, lambda users: scores(model, data, known, users))
