"""A training that was begun by an older version goes on as it began."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.models.training_state import KeptState
from toolrec_cli.operations.resuming_training import plan_of
from toolrec_cli.operations.training import BackbonePlan


@pytest.mark.parametrize(("said", "meant"), [(None, "random"), ("random", "random"), ("company", "company")])
def test_before_there_was_a_choice_item_vectors_began_at_random(said: str | None, meant: str, tmp_path: Path) -> None:
    plan = asdict(BackbonePlan(training=TrainingSettings(epochs=2)))
    if said is None:
        del plan["training"]["item_vectors"]
    else:
        plan["training"]["item_vectors"] = said
    run: Any = SimpleNamespace(path=tmp_path)
    state: Any = None
    assert plan_of(run, KeptState(state, {"plan": plan})).training.item_vectors == meant
