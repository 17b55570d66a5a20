"""Nothing that runs while a list is made can see the held-out item; and what is loaded is loaded once."""

import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from agent.scripted import Scripted, explorer, finish, rank, retrieve
from toolrec_cli.agent.codec import encode
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part, read_before
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.setting import Setting
from toolrec_cli.tools.protocol import Context, User

USERS = 8


def test_a_user_and_a_context_hold_what_they_held_when_they_were_found_blind() -> None:
    """Whoever adds a field here says why it cannot tell what comes next. `wanted` is what the surrogate asked for itself,
    `makeup` a count of the history, and `ended` the time of its newest item.
    """
    assert [f.name for f in fields(User)] == [
        "user_index",
        "user_id",
        "profile",
        "history",
        "ratings",
        "ended",
        "makeup",
    ]
    assert [f.name for f in fields(Context)] == [
        "user",
        "catalog",
        "facets",
        "candidates",
        "attributes",
        "n",
        "step",
        "max_rounds",
        "wanted",
    ]


def test_what_a_surrogate_sees_of_a_user_ends_before_the_held_out_item(tmp_path: Path) -> None:
    """User 0 will meet item 13, and the user beside him item 14; at that they are rated 0.5, and at no other time."""
    log = pl.DataFrame(
        {
            "user_index": [0, 0, 0, 0, 1, 1, 1],
            "item_index": [1, 2, 3, 13, 4, 5, 14],
            "rating": [4.0, 4.0, 4.0, 0.5, 4.0, 4.0, 0.5],
            "part": ["train", "train", "validation", "test", "train", "validation", "test"],
        },
        schema_overrides={"user_index": pl.UInt32, "item_index": pl.UInt32, "rating": pl.Float32},
    )
    log.write_parquet(tmp_path / "interactions.parquet")
    before = read_before(tmp_path / "interactions.parquet", Part.TEST, 2)
    surrogate = Scripted(retrieve(k=2), rank(), finish([]))
    asked = User(0, "u0", {}, before.history(0), before.rated(0))
    trajectory = explorer(surrogate, max_rounds=3).explore(asked)
    for array in _arrays(surrogate.moments):
        for memory in (array, array.base):
            assert memory is None or not set(np.asarray(memory).tolist()) & {13, 14, 0.5}
    assert trajectory.n_history == 3
    assert [entry.item_id for entry in trajectory.newest] == ["101", "102", "103"]


def _arrays(moments: list[Context]) -> Iterator[np.ndarray]:
    """Every array of every user that was shown; a view is followed to what it looks into by its `base`."""
    for moment in moments:
        yield from (value for value in vars(moment.user).values() if isinstance(value, np.ndarray))


@pytest.fixture(scope="module")
def told(tiny_workspace: Path, tiny: Dataset) -> list[bytes]:
    """The trajectories of a few users of the shared workspace."""
    return _told(assemble(Setting(tiny_workspace), tiny, AgentPlan()))


def _told(agent: Agent) -> list[bytes]:
    return [encode(agent.explorer.explore(agent.user(index))) for index in range(USERS)]


def test_moving_every_held_out_item_changes_no_trajectory(workspace: Path, told: list[bytes]) -> None:
    """The same models over a log in which all test items are others: byte for byte the same explorations."""
    directory = workspace / "datasets" / "sample"
    path = directory / "interactions.parquet"
    n_items = len(Dataset(directory).catalog)
    held_out = pl.col("part") == "test"
    moved = (pl.col("item_index") % n_items + 1).cast(pl.UInt32)
    log = pl.read_parquet(path)
    assert log.filter(held_out).height >= USERS
    log.with_columns(
        item_index=pl.when(held_out).then(moved).otherwise(pl.col("item_index")),
        timestamp=pl.when(held_out).then(pl.col("timestamp") + 1).otherwise(pl.col("timestamp")),
    ).write_parquet(path)
    assert _told(assemble(Setting(workspace), Dataset(directory), AgentPlan())) == told


def test_nothing_is_read_from_disk_again_while_lists_are_made(workspace: Path, told: list[bytes]) -> None:
    """Defect 11 of the released code: the checkpoint and the data set are read at every retrieval."""
    agent = assemble(Setting(workspace), Dataset(workspace / "datasets" / "sample"), AgentPlan())
    agent.user(0)
    _ = agent.dataset.catalog
    shutil.rmtree(workspace)
    assert _told(agent) == told
