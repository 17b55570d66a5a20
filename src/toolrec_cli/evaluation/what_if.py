"""What is said of a replay with something supposed: a report, as `report.py` has one of an evaluation."""

from dataclasses import dataclass, field
from typing import Any

from toolrec_cli.evaluation.agreement import Alike
from toolrec_cli.evaluation.report import Row

SCHEMA_VERSION = 1

RECORDED, SUPPOSED = "as recorded", "what if"
"""The two rows that are compared."""


@dataclass(frozen=True)
class Departure:
    """The first question of a user that is not on record: in which round (from 1), and what of it is otherwise, in words."""

    user_id: str
    step: int
    part: str


@dataclass(frozen=True)
class Told:
    """How a language model's explorations fared upon the record: who left it, whether they were then asked, what that took."""

    n_stayed: int
    n_asked: int
    n_unasked: int
    departures: tuple[Departure, ...]
    usage: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class WhatIf:
    """what-if.json. `lists` is over those who have a list in both runs; `rows` are None where nothing may be said of metrics."""

    run: str
    parent: str
    supposed: tuple[str, ...]
    dataset: str
    surrogate: dict[str, str]
    """Who explored, by row; likewise below."""
    statuses: dict[str, dict[str, int]]
    mean_rounds: dict[str, float]
    n_users: int
    n: int
    lists: Alike
    titles: dict[str, str]
    """Of the items that `lists` names."""
    split: str | None
    n_scored: int
    rows: tuple[Row, ...] | None
    why_no_metrics: str
    also_changed: tuple[str, ...]
    """What else is not as it was for the recorded run."""
    told: Told | None
    """None where no language model was asked."""
    schema_version: int = SCHEMA_VERSION
