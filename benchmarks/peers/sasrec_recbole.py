"""RecBole's SASRec: cross-entropy, a prefix a sample, batches of 2,048, the newest 50 items, dropout of 0.5 (its defaults)."""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from race import Data, IntArray, Race, arguments

warnings.filterwarnings("ignore")
for name, kind in {"bool": bool, "int": int, "float": float, "object": object, "str": str, "long": int}.items():
    if name not in np.__dict__:
        setattr(np, name, kind)  # RecBole 1.2.1 names what NumPy has dropped
for name, new in {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_, "string_": np.bytes_}.items():
    if name not in np.__dict__:
        setattr(np, name, new)

from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.trainer import Trainer  # noqa: E402
from recbole.utils import get_model, init_seed  # noqa: E402

LENGTH = 50


class Over(Exception):
    """The budget is spent."""


def written(data: Data, folder: Path) -> None:
    """The training histories as an atomic file, and two items more for everybody: RecBole leaves the last two out."""
    offsets, items = data.train
    users = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    (folder / "race").mkdir()
    with (folder / "race" / "race.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        file.writelines(f"{u}\t{i}\t{t}\n" for t, (u, i) in enumerate(zip(users, items, strict=True)))
        for user in range(len(offsets) - 1):
            for extra in (0, 1):
                file.write(f"{user}\t{1 + extra}\t{len(items) + extra}\n")


@torch.no_grad()
def scores(users: IntArray) -> np.ndarray:
    sequences, lengths = torch.zeros(len(users), LENGTH, dtype=torch.long), torch.zeros(len(users), dtype=torch.long)
    for row, user in enumerate(users):
        newest = data.newest(user, LENGTH)
        sequences[row, : len(newest)] = torch.from_numpy(token_of[newest])
        lengths[row] = len(newest)
    model.eval()
    found = model.forward(sequences, lengths) @ model.item_embedding.weight.T
    model.train()
    whole = np.full((len(users), data.n_items), -1e9, np.float32)
    whole[:, known_items - 1] = found[:, token_of[known_items]].numpy()
    return whole


def counted(interaction: object) -> torch.Tensor:
    """The model's loss; before it, a lap when one is due."""
    global done
    if done and race.due():
        race.lap(done, scores)
        if race.is_over():
            raise Over
    done += len(interaction)
    return model.calculate_loss(interaction)


data, budget = arguments()
race, done = Race(data, budget, every=100), 0
with tempfile.TemporaryDirectory() as place:
    written(data, Path(place))
    settings = {
        "data_path": place,
        "checkpoint_dir": place,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "train_neg_sample_args": None,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
    }
    sys.argv = sys.argv[:1]
    config = Config(model="SASRec", dataset="race", config_dict=settings)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    loader, _, _ = data_preparation(config, dataset)
    model = get_model("SASRec")(config, loader.dataset)
    token_of = np.zeros(data.n_items + 1, np.int64)
    tokens = dataset.field2id_token["item_id"][1:].astype(int)
    known_items = np.sort(tokens)
    token_of[tokens] = np.arange(1, len(tokens) + 1)
    trainer = Trainer(config, model)
    try:
        for epoch in range(config["epochs"]):
            trainer._train_epoch(loader, epoch, loss_func=counted)
    except Over:
        pass
