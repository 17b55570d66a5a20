"""toolrec audit: anybody's lists against a prepared data set, scored in every way that is in use."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Interactions, Part
from toolrec_cli.errors import InputError, UsageError, near_misses, unknown
from toolrec_cli.evaluation.audit import STRICT, Audit, Handed, every_way, reading, survivors
from toolrec_cli.evaluation.metrics import first_occurrence
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.operations.resuming import ASKED_FILE
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.atomic import write_json
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.run_dir import RunDir, recording

IntArray = npt.NDArray[np.int64]
RANKINGS = "rankings.parquet"
_LEAST = ("user_id", "item_id")


@dataclass(frozen=True)
class AuditPlan:
    """The lists (a run's directory or a file), which row of them (None: the only one, or the surrogate), and where to cut."""

    lists: Path
    row: str | None = None
    split: Part = Part.TEST
    k: int = 10


def audit(setting: Setting, dataset: Dataset, plan: AuditPlan) -> tuple[RunDir, Audit]:
    """Score the lists in every way, and put it on record with the digest of what was audited.

    Raises InputError when the lists cannot be read, UsageError for a row that is not there; then no run is left.
    """
    found = audited(dataset, plan, setting.seed)
    inputs = {"lists": file_digest(_file(plan.lists))}
    manifest = setting.manifest("audit", f"{dataset.name}-{plan.lists.stem}", dataset, inputs)
    with recording(setting.runs, manifest, setting.out) as run:
        write_json(run.path / "report.json", asdict(found))
        metric = f"ndcg@{plan.k}"
        strict = next(each for each in found.rows if each.counting == STRICT)
        run.update(result={"n_users": found.n_users, "row": found.row, metric: strict.metrics[metric].mean})
    return run, found


def audited(dataset: Dataset, plan: AuditPlan, seed: int = 42) -> Audit:
    """The audit itself; nothing is written."""
    row, table = _of_row(read_lists(plan.lists), plan.row)
    possible = dataset.users_with(plan.split)
    users = _asked(plan.lists, dataset, possible)
    histories = dataset.before(plan.split, items_only=True)
    targets = dataset.held_out(plan.split)[users].astype(np.int64)
    numbered = _numbered(table, dataset)
    known = numbered.filter(pl.col("user").is_not_null())
    asked = known.filter(pl.col("user").is_in(pl.Series(users).implode()))
    lists = _lists(asked, users)
    if not len(asked):
        raise InputError(
            f"Nobody in {plan.lists} has a held-out item in {dataset.name!r}.",
            hint="Ids have to be written as in the raw data; toolrec datasets show tells which data set this is.",
        )
    handed = Handed(lists, _owned(lists, users, histories), targets, len(dataset.catalog))
    rows = every_way(handed, plan.k, seed)
    there = lists > 0
    own = (histories.history(user) for user in users.tolist())
    return Audit(
        source=str(plan.lists),
        row=row,
        dataset=dataset.name,
        split=str(plan.split),
        k=plan.k,
        n_users=len(users),
        n_listed=asked["user"].n_unique(),
        n_survivors=int(survivors(handed, plan.k).sum()),
        n_unknown_users=numbered.filter(pl.col("user").is_null())["user_id"].n_unique(),
        n_without_target=known["user"].n_unique() - asked["user"].n_unique(),
        n_unknown_items=int((lists > handed.n_items).sum()),
        n_repeats=int((there & ~first_occurrence(lists)).sum()),
        n_owned=int((there & handed.owned).sum()),
        out_of_reach=sum(target in items for target, items in zip(targets.tolist(), own, strict=True)),
        rows=rows,
        reading=(*reading(rows, plan.k), *_silent(plan.lists, len(users) - asked["user"].n_unique())),
        n_possible=len(possible),
    )


def _asked(lists: Path, dataset: Dataset, possible: IntArray) -> IntArray:
    """Whom a run asked, of those with a held-out item; of a file, which does not say whom its maker asked, all of them."""
    if not (lists / ASKED_FILE).is_file():
        return possible
    asked = pl.read_parquet(lists / ASKED_FILE)["user_id"]
    wanted = dataset.users.select(there=pl.col("user_id").is_in(asked.implode()))["there"].to_numpy()
    return possible[wanted[possible]]


def _silent(lists: Path, n_without: int) -> tuple[str, ...]:
    """What the denominator of a file may rest on: nobody can tell a user who was never asked from one who was dropped."""
    if not n_without or (lists / ASKED_FILE).is_file():
        return ()
    return (f"{n_without:,} users have no list: never asked, or dropped; the file does not say. They count as misses.",)


def _file(lists: Path) -> Path:
    """Where the lists of a run, or of a file, stand."""
    return lists / RANKINGS if lists.is_dir() else lists


def read_lists(path: Path) -> pl.DataFrame:
    """row, user_id, item_id as text, in the order of each list, of a run or of somebody's CSV, TSV or Parquet.

    Raises InputError when the file is missing, or lacks user_id, item_id and one of rank and score.
    """
    file = _file(path)
    try:
        frame = pl.read_parquet(file) if file.suffix == ".parquet" else _delimited(file)
    except FileNotFoundError as error:
        raise InputError(
            f"{file} is not there.", hint="Name a run's directory, or a CSV, TSV or Parquet file."
        ) from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as a table ({str(error).splitlines()[0]}).") from error
    for name in _LEAST:
        _need(frame, name, file)
    by = "rank" if "rank" in frame.columns else "score"
    _need(frame, by, file, said="rank or score")
    order = frame.select(pl.col(by).cast(pl.Float64, strict=False)).to_series()
    if bad := order.fill_nan(None).null_count():
        raise InputError(
            f"{file}: {bad:,} rows have no number as their {by}.", hint="Every row needs a place in its list."
        )
    if frame.select(pl.any_horizontal(pl.col(*_LEAST).is_null()).any()).item():
        raise InputError(f"{file}: a row lacks its user_id or item_id.")
    row = pl.col("row").cast(pl.String) if "row" in frame.columns else pl.lit("")
    named = frame.select(
        row.alias("row"), pl.col(*_LEAST).cast(pl.String), (order if by == "rank" else -order).alias("by")
    )
    return named.sort("row", "user_id", "by", maintain_order=True).drop("by")


def _delimited(file: Path) -> pl.DataFrame:
    with file.open(encoding="utf-8") as opened:
        first = opened.readline()
    separator = max("\t,;|", key=first.count)
    return pl.read_csv(file, separator=separator, infer_schema=False)


def _need(frame: pl.DataFrame, name: str, file: Path, said: str = "") -> None:
    if name not in frame.columns:
        near = near_misses(name, frame.columns)
        hint = f"Rename {near[0]!r}." if near else f"It has: {', '.join(frame.columns[:10])}."
        raise InputError(f"{file} has no column {said or name}.", hint=hint)


def _of_row(table: pl.DataFrame, wanted: str | None) -> tuple[str, pl.DataFrame]:
    names = table["row"].unique().sort().to_list()
    row = wanted if wanted is not None else names[0] if len(names) == 1 else "surrogate"
    if row not in names:
        raise UsageError(unknown("row", row, names), hint="Choose one with --row.")
    return row, table.filter(pl.col("row") == row)


def _numbered(table: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """user (user_index, null for a stranger) and item (item_index; above N for an id that the catalogue lacks)."""
    users = dataset.users.select("user_id", user=pl.int_range(pl.len(), dtype=pl.Int64))
    items = dataset.catalog.frame.select("item_id", item=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    joined = table.join(users, on="user_id", how="left", maintain_order="left").join(
        items, on="item_id", how="left", maintain_order="left"
    )
    strange = pl.col("item_id").rank("dense").cast(pl.Int64) + items.height
    return joined.with_columns(item=pl.coalesce("item", strange))


def _lists(table: pl.DataFrame, users: IntArray) -> IntArray:
    grouped = table.group_by("user", maintain_order=True).agg("item")
    found = dict(zip(grouped["user"].to_list(), grouped["item"].to_list(), strict=True))
    longest = max(map(len, found.values()), default=0)
    return np.stack([padded(found.get(user, []), longest) for user in users.tolist()])


def _owned(lists: IntArray, users: IntArray, histories: Interactions) -> npt.NDArray[np.bool_]:
    return np.stack([np.isin(row, histories.history(u)) for row, u in zip(lists, users.tolist(), strict=True)])


def run_split(run: RunDir) -> Part:
    """The part of the split that a run held out, by its record; test where it does not say."""
    said = run.manifest.settings.get("split")
    value = said.get("value") if isinstance(said, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return Part.VALIDATION if value == str(Part.VALIDATION) else Part.TEST
