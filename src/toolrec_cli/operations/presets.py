"""Settings that belong together, by name. What the user types besides overrides them."""

from dataclasses import dataclass
from typing import Any

from toolrec_cli.errors import UsageError, unknown

Values = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    """`backbone` and `encoder`: setting -> value; `by_backbone`: what differs from `backbone`, by the backbone's name."""

    backbone: Values
    encoder: Values
    by_backbone: dict[str, Values]

    def of_backbone(self, name: str) -> Values:
        """What it says of pretraining the backbone called `name`."""
        return self.backbone | self.by_backbone.get(name, {})


_PAPER_TRAINING: Values = {
    "loss": "bpr",
    "epochs": 300,
    "patience": 10,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup_steps": 1,
    "weight_decay": 0.0,
    "batch_size": 41,  # of up to 50 targets each: the code's 2,048 pairs of a prefix and its next item
    "targets": "all",
}

DEFAULT = "default"

PRESETS = {
    "draft": Preset(backbone={"epochs": 8}, encoder={"epochs": 1}, by_backbone={"bert4rec": {"epochs": 10}}),
    # Of BERT4Rec's targets an epoch asks for a third, and for one in six as for what comes next.
    DEFAULT: Preset(backbone={}, encoder={}, by_backbone={"bert4rec": {"epochs": 30, "patience": 15}}),
    "best": Preset(
        backbone={"epochs": 30, "patience": 15},
        encoder={},
        by_backbone={"sasrec": {"embedding_size": 128, "n_heads": 2, "blocks": "ligr", "dropout": 0.3}},
    ),
    "toolrec-paper": Preset(
        backbone={
            **_PAPER_TRAINING,
            "item_vectors": "random",
            "embedding_size": 64,
            "n_layers": 2,
            "n_heads": 4,
            "max_length": 50,
            "dropout": 0.5,
            "time_aware": False,
            "relative_positions": False,
        },
        encoder={**_PAPER_TRAINING, "share": 1.0, "embedding_size": 32, "n_layers": 2, "n_heads": 4, "dropout": 0.5},
        by_backbone={"bert4rec": {"n_heads": 2, "dropout": 0.2, "mask_ratio": 0.2, "ends": False}},
    ),
}
"""draft: a third of the time, for a first look. default: what holds where none is named. best: a SASRec that is wider and gated
(LiGR), for three to four times the time; BERT4Rec, which is no better for it, and encoders as by default. toolrec-paper: as the
code of arXiv 2405.15114 trains, but for the early stop, which looks at NDCG@10 and not at MRR@10.
"""


def find_preset(name: str) -> Preset:
    """The preset called `name`. Raises UsageError with the near miss."""
    if name not in PRESETS:
        raise UsageError(unknown("preset", name, PRESETS))
    return PRESETS[name]
