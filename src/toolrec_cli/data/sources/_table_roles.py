"""Which column of `table`'s interactions plays which role, and what is said of it."""

from collections.abc import Collection

from toolrec_cli.data.reading.columns import find_column, is_order, require_column
from toolrec_cli.data.source import POSITION, TIMESTAMP, ReadOptions


def roles_of(columns: list[str], file: str, options: ReadOptions) -> dict[str, str]:
    """user_id, item_id, timestamp or position, rating -> the column of that role, where there is one.

    Raises UsageError when a column is not there, or cannot be guessed.
    """
    when = find_column("time", options.time_column, columns, file)
    found = {
        "user_id": require_column("user", options.user_column, columns, file),
        "item_id": require_column("item", options.item_column, columns, file),
        POSITION if when is not None and is_order(when) else TIMESTAMP: when,
        "rating": find_column("rating", options.rating_column, columns, file),
    }
    return {role: column for role, column in found.items() if column is not None}


def ordering(names: Collection[str]) -> str | None:
    """The role by which interactions are put in order; None where they lie in order."""
    return next((name for name in (TIMESTAMP, POSITION) if name in names), None)
