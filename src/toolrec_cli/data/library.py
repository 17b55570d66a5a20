"""The prepared data sets of a workspace."""

import re
from pathlib import Path

from toolrec_cli.data.dataset import CARD, Dataset
from toolrec_cli.errors import InputError, UsageError, near_misses

SAMPLE = "sample"
"""The built-in data set, made ready by itself when a workspace is empty."""


def dataset_dir(workspace: Path, name: str) -> Path:
    """Where the data set called `name` lies, prepared or not."""
    return workspace / "datasets" / name


def is_plain_name(name: str) -> bool:
    """Whether `name` can be a folder's name beside the others: nothing hidden, no separators, nothing a shell would mind."""
    return re.fullmatch(r"\w[\w.-]{0,99}", name) is not None


def prepared(workspace: Path) -> list[str]:
    """The names of all prepared data sets."""
    return sorted(path.parent.name for path in (workspace / "datasets").glob(f"*/{CARD}") if path.parent.name[0] != ".")


def choose(workspace: Path, name: str | None) -> str:
    """The data set meant: the one named, else the only one prepared, else the sample.

    Raises UsageError when several are prepared and none is named.
    """
    if name is not None:
        return name
    found = prepared(workspace)
    if len(found) > 1:
        raise UsageError(f"Which data set? There is {', '.join(found)}.", hint="Name it right after the command.")
    return found[0] if found else SAMPLE


def open_dataset(workspace: Path, name: str) -> Dataset:
    """The prepared data set called `name`. Raises InputError with the next command to type."""
    directory = dataset_dir(workspace, name)
    if (directory / CARD).is_file():
        return Dataset(directory)
    there = prepared(workspace)
    if name != SAMPLE and (near := near_misses(name, dict.fromkeys([*there, SAMPLE]))):
        hint = f"Prepared: {', '.join(there)}." if there else f"Type: toolrec prep {near[0]}"
        raise InputError(f"The data set {name!r} is not prepared. Did you mean {near[0]!r}?", hint=hint)
    raise InputError(f"The data set {name!r} is not prepared.", hint=f"Type: toolrec prep {name}")
