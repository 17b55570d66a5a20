"""What `toolrec prep` can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


def _column(what: str) -> Any:
    return typer.Option(metavar="COLUMN", help=f"table: {what}.")


@dataclass(frozen=True)
class Files:
    """What is read, and how."""

    raw: Annotated[
        Path | None, typer.Option("--raw", metavar="PATH", help="The downloaded archive as it comes, or its folder.")
    ] = None
    interactions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="table, amazon: who met what (CSV, TSV, Parquet, JSON lines; .gz too), a folder, or a quoted 'logs/*.csv'.",
        ),
    ] = None
    items: Annotated[
        Path | None, typer.Option(metavar="FILE", help="table, amazon: titles and attributes of the items.")
    ] = None
    user_col: Annotated[str | None, _column("the users' ids")] = None
    item_col: Annotated[str | None, _column("the items' ids")] = None
    time_col: Annotated[str | None, _column("time, or position in the history")] = None
    rating_col: Annotated[str | None, _column("ratings")] = None
    title_col: Annotated[str | None, _column("the items' titles")] = None
    list_separator: Annotated[
        str | None, typer.Option(metavar="TEXT", help="table: what separates the labels of a multi-valued attribute.")
    ] = None
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTR=KIND", help="table: categorical, multi-valued, numeric, date or text (repeatable)."),
    ] = None

    def read_options(self) -> Any:
        """The `ReadOptions`. Raises UsageError for a kind that does not exist."""
        from toolrec_cli.data.source import ReadOptions

        return ReadOptions(
            raw=self.raw,
            interactions=self.interactions,
            items=self.items,
            user_column=self.user_col,
            item_column=self.item_col,
            time_column=self.time_col,
            rating_column=self.rating_col,
            title_column=self.title_col,
            list_separator=self.list_separator,
            kinds=_kinds(self.kind or []),
        )


@dataclass(frozen=True)
class Choices:
    """What papers differ in."""

    min_rating: Annotated[float | None, typer.Option(metavar="R", help="Leave out what is rated lower.")] = None
    deduplicate: Annotated[
        str | None,
        typer.Option(metavar="first|last|none", help="Of repeats (same user and item), keep one. Default: none."),
    ] = None
    k_core: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Only users and items with K interactions among themselves.")
    ] = None
    user_core: Annotated[int | None, typer.Option(metavar="K", min=1, help="--k-core for users alone.")] = None
    item_core: Annotated[int | None, typer.Option(metavar="K", min=1, help="--k-core for items alone.")] = None
    min_history: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Then leave out users with fewer interactions.")
    ] = None
    sample_users: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep so many users, drawn by the seed.")
    ] = None
    seed: Annotated[int | None, typer.Option(metavar="S", help="What --sample-users draws by. Default: 42.")] = None
    split: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="leave-one-out (the default), or by time for all alike: time:0.8/0.1/0.1"),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The values of a paper, where none is given: toolrec-paper, recbole, s3-rec."
        ),
    ] = None

    def resolved(self) -> Any:
        """The `Choices` of the data set: what was said, else what the preset says. Raises UsageError for what does not exist."""
        from toolrec_cli.data.choices import resolve

        said = {
            "min_rating": self.min_rating,
            "deduplicate": self.deduplicate,
            "user_core": self.user_core or self.k_core,
            "item_core": self.item_core or self.k_core,
            "min_history": self.min_history,
            "sample_users": self.sample_users,
            "seed": self.seed,
            "split": self.split,
        }
        return resolve(said, self.preset)


def _kinds(pairs: list[str]) -> dict[str, Any]:
    """["price=numeric"] -> {"price": Kind.NUMERIC}."""
    from toolrec_cli.data.catalog import Kind
    from toolrec_cli.errors import UsageError, unknown

    found: dict[str, Kind] = {}
    for pair in pairs:
        name, _, kind = pair.partition("=")
        if kind not in list(Kind):
            raise UsageError(f"--kind {pair!r}: {unknown('kind', kind, list(Kind))}")
        found[name] = Kind(kind)
    return found
