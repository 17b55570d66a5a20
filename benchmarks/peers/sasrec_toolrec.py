"""toolrec's SASRec at its defaults, as `toolrec pretrain` trains it."""

import numpy as np
import torch
from race import Race, arguments

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.backbones.sasrec import SASRec, SASRecConfig
from toolrec_cli.models.encoding import encode
from toolrec_cli.models.fitting import Examples, Watch, fit_backbone
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.models.training_state import Epoch
from toolrec_cli.progress import silent


class Over(Exception):
    """The budget is spent."""


data, budget = arguments()
race, done, times = Race(data, budget), 0, data.times or {}
torch.manual_seed(42)
model = SASRec(SASRecConfig(data.n_items, time_aware=bool(times)))
train = Interactions(data.train[0], data.train[1].astype(np.int32), times.get("train"), None)
newest = Interactions(data.known[0], data.known[1].astype(np.int32), times.get("known"), None)


def lap(epoch: Epoch) -> None:
    global done
    done += epoch.positions
    queries = encode(model, {}, newest)[None]
    table = model.item_vectors.detach().numpy()
    race.lap(done, lambda users: queries[users] @ table[1:].T)
    if race.is_over():
        raise Over


try:  # its early stopping draws on validation items: here all epochs are run, and none is chosen
    examples = Examples(train, (data.targets > 0).astype(np.int32))
    settings = TrainingSettings(validation_users=1, patience=1000)
    fit_backbone(model, examples, settings, Watch(lambda: None, lap, silent))
except Over:
    pass
