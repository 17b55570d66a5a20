"""What other machines have left of a run that was stopped: whole files of trajectories that are not on record yet."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from toolrec_cli.agent.codec import owner
from toolrec_cli.operations.record import Record

FOLDER = "shards"
"""Where in a run they lie while it is under way."""


def take_in(run: Path, record: Record, user_ids: Sequence[str]) -> int:
    """Put on record whoever is not yet, and remove the files; how many users that were.

    Raises InputError when a line cannot be read.
    """
    folder, taken = run / FOLDER, 0
    if not folder.is_dir():
        return 0
    positions = {user_id: position for position, user_id in enumerate(user_ids)}
    for shard in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(shard.read_bytes().splitlines(keepends=True), start=1):
            position = positions.get(owner(line, f"{shard}, line {number},"))
            if position is not None and not record.has(position):
                record.add(position, line)
                taken += 1
    shutil.rmtree(folder)
    return taken
