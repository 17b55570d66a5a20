"""--preset: settings that belong together, overridden by what is typed, and recorded with where they came from."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from toolrec_cli.models.checkpoint import read_card
from toolrec_cli.storage.run_dir import open_run

Run = Callable[..., CompletedProcess[str]]


def settings_of(said: CompletedProcess[str]) -> tuple[dict[str, Any], Any]:
    """(settings as recorded, the card) of the run that --json names."""
    assert said.returncode == 0, said.stderr
    run = Path(json.loads(said.stdout)["run"])
    return open_run(run).manifest.settings, read_card(run / "model")


def test_the_papers_backbone_with_one_setting_overridden(toolrec: Run, workspace: Path) -> None:
    words = ["--preset", "toolrec-paper", "--epochs", "1", "--threads", "1", "--json", "-w", workspace]
    recorded, card = settings_of(toolrec("pretrain", "--dropout", "0.1", *words))
    assert recorded["preset"] == {"value": "toolrec-paper", "from": "commandline"}
    assert recorded["dropout"] == {"value": 0.1, "from": "commandline"}
    assert recorded["n_heads"] == {"value": 4, "from": "preset"}
    assert recorded["schedule"] == {"value": "constant", "from": "preset"}
    assert recorded["seed"] == {"value": 42, "from": "default"}
    shape = {"embedding_size": 64, "n_layers": 2, "n_heads": 4, "max_length": 50, "dropout": 0.1}
    assert shape.items() <= card.settings.items()
    assert {"loss": "bpr", "epochs": 1, "learning_rate": 1e-3, "weight_decay": 0.0}.items() <= card.training.items()


def test_the_papers_bert4rec_has_sizes_of_its_own(toolrec: Run, workspace: Path) -> None:
    words = ["--preset", "toolrec-paper", "--epochs", "1", "--threads", "1", "--json", "-w", workspace]
    _, card = settings_of(toolrec("pretrain", "--backbone", "bert4rec", *words))
    assert (card.settings["n_heads"], card.settings["dropout"], card.settings["mask_ratio"]) == (2, 0.2, 0.2)
    assert card.settings["ends"] is False
    assert card.settings["max_length"] == 50


def test_the_papers_encoder(toolrec: Run, workspace: Path) -> None:
    words = ["--preset", "toolrec-paper", "--epochs", "1", "--threads", "1", "--json", "-w", workspace]
    recorded, card = settings_of(toolrec("train-encoder", "--attr", "genre", *words))
    assert {"n_heads": 4, "dropout": 0.5, "embedding_size": 32}.items() <= card.settings.items()
    assert card.training["loss"] == "bpr"
    assert recorded["embedding_size"]["from"] == "preset"


def test_where_none_is_named_it_is_the_default_one_under_which_bert4rec_learns_longer(
    toolrec: Run, workspace: Path
) -> None:
    """An epoch asks for a third of its targets alone."""
    words = ["--backbone", "bert4rec", "--embedding-size", "8", "--threads", "1", "--json", "-w", workspace]
    recorded, card = settings_of(toolrec("pretrain", *words))
    assert recorded["epochs"] == {"value": 30, "from": "preset"}
    assert {"epochs": 30, "patience": 15, "learning_rate": 2e-3}.items() <= card.training.items()
    recorded, card = settings_of(toolrec("pretrain", "--preset", "default", "--epochs", "1", *words))
    assert recorded["epochs"] == {"value": 1, "from": "commandline"}
    assert (card.training["epochs"], card.training["patience"]) == (1, 15)


GATED = {"embedding_size": 128, "n_heads": 2, "blocks": "ligr", "dropout": 0.3, "max_length": 200}


def test_the_best_sasrec_is_wider_and_gated(toolrec: Run, workspace: Path) -> None:
    words = ["--epochs", "1", "--threads", "1", "--json", "-w", workspace]
    _, card = settings_of(toolrec("pretrain", "--preset", "best", *words))
    assert GATED.items() <= card.settings.items()
    assert (card.training["patience"]) == 15


def test_the_best_bert4rec_is_that_by_default(toolrec: Run, workspace: Path) -> None:
    words = ["--backbone", "bert4rec", "--epochs", "1", "--threads", "1", "--json", "-w", workspace]
    _, card = settings_of(toolrec("pretrain", "--preset", "best", *words))
    _, by_default = settings_of(toolrec("pretrain", *words))
    assert (card.settings, card.training) == (by_default.settings, by_default.training)
