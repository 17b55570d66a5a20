"""Trajectories as earlier versions wrote them stay readable; those of a version to come are refused by name."""

import json
from pathlib import Path

import pytest

from toolrec_cli.agent.codec import decode, encode, read_trajectories
from toolrec_cli.agent.trajectory import SCHEMA_VERSION, Finished, Shown, Status
from toolrec_cli.errors import InputError

GOLDEN = Path(__file__).parent / "golden"
"""A file a schema version: written by the first program of that version, and never again."""


def test_every_schema_version_has_its_golden_file() -> None:
    there = {int(path.stem.removeprefix("schema-")) for path in GOLDEN.glob("schema-*.jsonl")}
    assert there == set(range(1, SCHEMA_VERSION + 1))


def test_version_1_is_read() -> None:
    finished, forced = read_trajectories(GOLDEN / "schema-1.jsonl")
    assert (finished.user_id, finished.status, len(finished.ranking)) == ("3", Status.FINISHED, 3)
    assert (forced.user_id, forced.status, len(forced.steps)) == ("5", Status.FORCED, 1)
    first, last = finished.steps[0], finished.steps[-1]
    assert (first.action.tool, first.action.arguments["attribute"]) == ("retrieve", None)
    assert isinstance(first.observation, Shown)
    assert isinstance(last.observation, Finished)
    assert [entry.item_id for entry in finished.ranking] == list(last.observation.items)
    assert {entry.item_id for entry in finished.newest} <= finished.items.keys()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_what_was_read_is_written_and_read_again(path: Path) -> None:
    for trajectory in read_trajectories(path):
        assert decode(encode(trajectory), "again") == trajectory


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_later_version_is_refused_by_name(path: Path) -> None:
    line = json.loads(path.read_text().splitlines()[0]) | {"schema_version": SCHEMA_VERSION + 1, "mood": "good"}
    with pytest.raises(InputError, match=f"schema {SCHEMA_VERSION + 1}; this toolrec reads up to {SCHEMA_VERSION}"):
        decode(json.dumps(line), "line 1")
