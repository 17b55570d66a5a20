"""RePlay's SasRec.from_params: cross-entropy, its optimiser, four heads, dropout 0.3 (its defaults), in batches of 128."""

import logging
import warnings

import lightning
import numpy as np
import torch
from race import SHAPE, Data, IntArray, Race, arguments
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import TensorFeatureInfo, TensorFeatureSource, TensorSchema
from replay.nn.lightning import LightningModule
from replay.nn.sequential import SasRec
from torch.utils.data import DataLoader, Dataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
LENGTH = SHAPE["length"]


class Sequences(Dataset):
    """Everybody's newest items, padded on the left with N, and the item after each."""

    def __init__(self, data: Data) -> None:
        self.lists = [items for items in data.lists(data.train) if len(items) > 1]
        self.padding = data.n_items

    def __len__(self) -> int:
        return len(self.lists)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        items = torch.from_numpy(self.lists[index][-LENGTH - 1 :] - 1)
        row, wanted = (torch.full((LENGTH,), self.padding) for _ in range(2))
        row[LENGTH - len(items) + 1 :], wanted[LENGTH - len(items) + 1 :] = items[:-1], items[1:]
        return {"items": row, "wanted": wanted}


def batch(rows: list[dict[str, torch.Tensor]]) -> dict[str, object]:
    items, wanted = (torch.stack([row[name] for row in rows]) for name in ("items", "wanted"))
    real = items != data.n_items
    return {
        "feature_tensors": {"item_id": items},
        "padding_mask": real,
        "positive_labels": wanted[..., None],
        "negative_labels": None,
        "target_padding_mask": real[..., None],
    }


class Laps(lightning.Callback):
    """A lap an epoch."""

    positions = 0

    def on_train_batch_end(self, trainer: object, module: object, outputs: object, batch: dict, index: int) -> None:
        self.positions += int(batch["padding_mask"].sum())

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: LightningModule) -> None:
        module.eval()
        race.lap(self.positions, lambda users: scores(module.model, users))
        module.train()
        trainer.should_stop = race.is_over()


@torch.no_grad()
def scores(model: SasRec, users: IntArray) -> np.ndarray:
    items = torch.full((len(users), LENGTH), data.n_items)
    for row, user in enumerate(users):
        newest = torch.from_numpy(data.newest(user, LENGTH) - 1)
        items[row, LENGTH - len(newest) :] = newest
    return model({"item_id": items}, items != data.n_items)["logits"].numpy()[:, : data.n_items]


data, budget = arguments()
race = Race(data, budget)
item = TensorFeatureInfo(
    "item_id",
    is_seq=True,
    feature_type=FeatureType.CATEGORICAL,
    embedding_dim=SHAPE["width"],
    padding_value=data.n_items,
    cardinality=data.n_items,
    feature_hint=FeatureHint.ITEM_ID,
    feature_sources=[TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")],
)
torch.manual_seed(42)
model = SasRec.from_params(
    TensorSchema([item]), embedding_dim=SHAPE["width"], num_blocks=SHAPE["layers"], max_sequence_length=LENGTH
)
loader = DataLoader(Sequences(data), batch_size=128, shuffle=True, collate_fn=batch)
trainer = lightning.Trainer(
    accelerator="cpu",
    max_epochs=10_000,
    callbacks=[Laps()],
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(LightningModule(model), loader)
