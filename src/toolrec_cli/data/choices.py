"""What papers differ in when they make a data set of a log: thresholds, repeats, cores, sampling and split.

They are applied in the order of the fields of `Choices`, which is documented and recorded in dataset.json.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.wording import counted

LEAVE_ONE_OUT = "leave-one-out"
TIME = "time"


class Keep(StrEnum):
    """Which of several interactions of the same user with the same item stay; in time order, ties in input order."""

    ALL = "none"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True)
class Choices:
    """How a log becomes a data set. The steps are taken in this order, and a later one does not repeat an earlier one.

    A time split takes the shares of all interactions that are for training, validation and test: "time:0.8/0.1/0.1".
    """

    min_rating: float | None = None
    """Interactions rated lower go; so do those without a rating."""
    deduplicate: Keep = Keep.ALL
    user_core: int = 1
    item_core: int = 1
    """Users and items with fewer interactions go, again and again until nothing changes."""
    min_history: int = 1
    """Users who then have fewer interactions go. What is left of an item may then be below `item_core`."""
    sample_users: int | None = None
    seed: int = 42
    """So many of the users that are left are drawn by the seed; None keeps all."""
    split: str = LEAVE_ONE_OUT
    preset: str | None = None
    """The preset that the values come from where nothing else was said; the values themselves are resolved."""

    def __post_init__(self) -> None:
        """Raises UsageError when the values make no sense."""
        for name in ("user_core", "item_core", "min_history", "sample_users"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} counts from 1, so it cannot be {value}.")
        if self.deduplicate not in list(Keep):
            raise UsageError(f"--deduplicate: {unknown('way', self.deduplicate, list(Keep))}")
        time_shares(self.split)

    def as_json(self) -> dict[str, Any]:
        """The values as dataset.json keeps them, in the order in which they are applied."""
        return {name: str(value) if isinstance(value, Keep) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Step:
    """What one step left out."""

    step: str
    interactions: int
    users: int
    items: int

    def __str__(self) -> str:
        users, items = counted(self.users, "user"), counted(self.items, "item")
        return f"{self.step}: {counted(self.interactions, 'interaction')}, {users}, {items} left out."


PRESETS: dict[str, dict[str, Any]] = {
    "toolrec-paper": {
        "min_rating": None,
        "deduplicate": Keep.ALL,
        "user_core": 1,
        "item_core": 1,
        "min_history": 1,
        "sample_users": None,
        "split": LEAVE_ONE_OUT,
    },
    "recbole": {"min_rating": 3.0, "user_core": 10, "item_core": 10, "split": LEAVE_ONE_OUT},
    "s3-rec": {"user_core": 5, "item_core": 5, "split": LEAVE_ONE_OUT},
}
"""Whose protocol -> the values it fixes.

toolrec-paper: time order and leave-one-out over everything; its 200 users are drawn when it evaluates (`eval --users 200`), and
train all the same. recbole: RecBole's sequential benchmarks. s3-rec: the 5-core of S³-Rec and its successors.
"""


def resolve(given: Mapping[str, Any], preset: str | None = None) -> Choices:
    """The preset's values, with those that were `given` (None: not given) in their place. Raises UsageError."""
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"--preset: {unknown('preset', preset, PRESETS)}")
    values = PRESETS[preset] if preset else {}
    return Choices(**{**values, **{name: value for name, value in given.items() if value is not None}}, preset=preset)


def time_shares(split: str) -> tuple[float, float, float] | None:
    """The shares of a time split; None for leave-one-out. Raises UsageError when `split` is neither."""
    if split == LEAVE_ONE_OUT:
        return None
    name, _, text = split.partition(":")
    try:
        train, validation, test = (float(share) for share in text.split("/"))
    except ValueError:
        train, validation, test = 0.0, 0.0, 0.0
    sensible = min(train, validation, test) > 0 and abs(train + validation + test - 1) < 1e-6
    if name != TIME or not sensible:
        raise UsageError(
            f"--split {split!r} is no split.",
            hint="There is leave-one-out, and time:TRAIN/VALIDATION/TEST with shares that add up to 1: time:0.8/0.1/0.1",
        )
    return train, validation, test
