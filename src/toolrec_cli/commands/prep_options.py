"""What `toolrec prep` can be told."""

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str,
    typer.Argument(
        metavar="[SOURCE]",
        help="sample, table for your own files, or one of: ml-1m, ml-32m, amazon, yelp, recbole, …",
    ),
]
Raw = Annotated[
    Path | None, typer.Option("--raw", metavar="PATH", help="The downloaded archive as it comes, or its folder.")
]
InteractionsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="table, amazon: who met what (CSV, TSV, Parquet, JSON lines; .gz too), a folder, or a quoted 'logs/*.csv'.",
    ),
]
ItemsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="table, amazon: titles and attributes of the items.")
]
UserCol = Annotated[str | None, typer.Option(metavar="COLUMN", help="table: the users' ids.")]
ItemCol = Annotated[str | None, typer.Option(metavar="COLUMN", help="table: the items' ids.")]
TimeCol = Annotated[str | None, typer.Option(metavar="COLUMN", help="table: time, or position in the history.")]
RatingCol = Annotated[str | None, typer.Option(metavar="COLUMN", help="table: ratings.")]
TitleCol = Annotated[str | None, typer.Option(metavar="COLUMN", help="table: the items' titles.")]
ListSeparator = Annotated[
    str | None, typer.Option(metavar="TEXT", help="table: what separates the labels of a multi-valued attribute.")
]
Kind = Annotated[
    list[str] | None,
    typer.Option(metavar="ATTR=KIND", help="table: categorical, multi-valued, numeric, date or text (repeatable)."),
]
MinRating = Annotated[float | None, typer.Option(metavar="R", help="Leave out what is rated lower.")]
Deduplicate = Annotated[
    str | None,
    typer.Option(metavar="first|last|none", help="Of repeats (same user and item), keep one. Default: none."),
]
KCore = Annotated[
    int | None, typer.Option(metavar="K", min=1, help="Only users and items with K interactions among themselves.")
]
UserCore = Annotated[int | None, typer.Option(metavar="K", min=1, help="--k-core for users alone.")]
ItemCore = Annotated[int | None, typer.Option(metavar="K", min=1, help="--k-core for items alone.")]
MinHistory = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Then leave out users with fewer interactions.")
]
SampleUsers = Annotated[int | None, typer.Option(metavar="N", min=1, help="Keep so many users, drawn by the seed.")]
SampleSeed = Annotated[int | None, typer.Option(metavar="S", help="What --sample-users draws by. Default: 42.")]
Split = Annotated[
    str | None,
    typer.Option(metavar="SPLIT", help="leave-one-out (the default), or by time for all alike: time:0.8/0.1/0.1"),
]
Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The values of a paper, where none is given: toolrec-paper, recbole, s3-rec."),
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="What to call it. Default: the source's name.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Go on when more than 1 % of the rows are bad.")]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="List all rejected rows in this Parquet file, with their reasons."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a data set that is prepared already.")]
