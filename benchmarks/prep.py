"""Preparing a long log: ours, DuckDB and pandas in turn, each as a process of its own; time, peak memory and growth, as Markdown.

    python benchmarks/prep.py [--rows 10 80] [--format parquet] [--peers PYTHON] [--folder DIR] [--pandas-up-to 10]

The log is made up: millions of rows with string ids, long-tailed over users and items, in time order with jitter, seeded. Each
does the same: 5-core (again and again until nothing changes), ids to numbers, time order (ties in input order), leave-one-out,
Parquet out. The same checksum says that they did. --peers names a Python that has duckdb and pandas; one that is missing is
skipped, and that is said.
"""

import argparse
import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MEMORY, THREADS, CORE = "4GB", 2, 5


@dataclass(frozen=True)
class Measured:
    """One process: seconds by the clock and of processor time, peak memory in MiB, and what it says it made."""

    who: str
    millions: int
    wall: float
    cpu: float
    peak: float
    checksum: str


def make_log(path: Path, rows: int, seed: int = 7) -> None:
    """user_id, item_id (str), timestamp (s), rating: an eighth as many users as rows, an eightieth as many items."""
    import numpy as np
    import polars as pl
    import pyarrow.csv
    import pyarrow.parquet

    rng = np.random.default_rng(seed)
    n_users, n_items, block = rows // 8, rows // 80, 1_000_000
    names = rng.permutation(n_users)
    writer = None
    for start in range(0, rows, block):
        size = min(block, rows - start)
        users = names[(n_users * rng.random(size) ** 2.5).astype(np.int64)]
        items = (n_items * rng.random(size) ** 4).astype(np.int64)
        frame = pl.DataFrame(
            {
                "user_id": pl.Series(users).cast(pl.String),
                "item_id": pl.Series(items * 7919 % 10**9).cast(pl.String),
                "timestamp": 1_500_000_000 + (np.arange(start, start + size) + rng.integers(0, 10**6, size)) // 2,
                "rating": rng.integers(1, 6, size).astype(np.float32),
            }
        ).with_columns(user_id="A" + pl.col("user_id").str.zfill(12), item_id="B" + pl.col("item_id").str.zfill(9))
        table = frame.to_arrow()
        if writer is None:
            make = pyarrow.parquet.ParquetWriter if path.suffix == ".parquet" else pyarrow.csv.CSVWriter
            writer = make(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def by_toolrec(log: Path, out: Path) -> str:
    """Through the package's own verb, as `toolrec prep table --k-core 5` calls it."""
    from toolrec_cli.data.choices import Choices
    from toolrec_cli.data.source import ReadOptions
    from toolrec_cli.operations.preparing import PrepOptions, prepare

    choices = Choices(user_core=CORE, item_core=CORE)
    dataset = prepare(out, "table", PrepOptions(ReadOptions(interactions=log), "log", choices=choices))
    return summed(dataset.directory)


def summed(folder: Path) -> str:
    """Counts by part, and a sum over users' and items' ids, times and parts that any other order or split would change."""
    import polars as pl

    parts = {"train": 1, "validation": 2, "test": 3}
    total, counts = 0, [0, 0, 0]
    items = pl.read_parquet(folder / "items.parquet", columns=["item_id"])["item_id"]
    users = pl.read_parquet(folder / "users.parquet", columns=["user_id"])["user_id"]
    item_numbers = items.str.slice(1).cast(pl.Int64).to_numpy()
    user_numbers = users.str.slice(1).cast(pl.Int64).to_numpy()
    scan = pl.scan_parquet(folder / "interactions.parquet")
    for start in range(0, scan.select(pl.len()).collect().item(), 1 << 22):
        frame = scan.slice(start, 1 << 22).collect()
        part = frame["part"].replace_strict(parts, return_dtype=pl.Int64).to_numpy()
        user, item = user_numbers[frame["user_index"].to_numpy()], item_numbers[frame["item_index"].to_numpy() - 1]
        total += int((part * (user % 9973 + 1) * (item % 9967 + frame["timestamp"].to_numpy() % 9949)).sum())
        counts = [count + int((part == code).sum()) for count, code in zip(counts, (1, 2, 3), strict=True)]
    return "/".join(map(str, counts)) + f" {total}"


def by_duckdb(log: Path, out: Path) -> str:
    """SQL throughout, within the same memory and threads; ids to numbers first, as it is what DuckDB is quickest with."""
    import duckdb

    out.mkdir()
    db = duckdb.connect(str(out / "work.db"))
    db.execute(f"set memory_limit = '{MEMORY}'; set threads = {THREADS}; set temp_directory = '{out / 'spill'}'")
    read = f"read_parquet('{log}', file_row_number = true)" if log.suffix == ".parquet" else f"read_csv('{log}')"
    row = "file_row_number" if log.suffix == ".parquet" else "row_number() over ()"
    for name in ("user", "item"):
        db.execute(
            f"create table {name}s as select {name}_id, (row_number() over () - 1)::uinteger as {name} "
            f"from (select {name}_id from {read} group by all having count(*) >= {CORE})"
        )
    db.execute(
        f'create table log as select "user", item, "timestamp", rating, {row} as line '
        f"from {read} join users using (user_id) join items using (item_id)"
    )
    while True:
        before = db.sql("select count(*) from log").fetchall()[0][0]
        for name in ("user", "item"):
            db.execute(
                f'create or replace table kept as select * from log where "{name}" in '
                f'(select "{name}" from log group by "{name}" having count(*) >= {CORE})'
            )
            db.execute("drop table log; alter table kept rename to log")
        if db.sql("select count(*) from log").fetchall()[0][0] == before:
            break
    db.execute(
        "copy (select user_id, item_id, \"timestamp\", rating, case when back = 1 and n >= 3 then 'test' "
        "when back = 2 and n >= 3 then 'validation' else 'train' end as part from "
        '(select *, row_number() over (partition by "user" order by "timestamp" desc, line desc) as back, '
        'count(*) over (partition by "user") as n from log) join users using ("user") join items using (item) '
        f'order by "user", "timestamp", line) to \'{out / "log.parquet"}\' (format parquet, compression zstd)'
    )
    return _summed_by_duckdb(db, out / "log.parquet")


def _summed_by_duckdb(db: object, path: Path) -> str:
    """The same sum as `summed`."""
    code = "case part when 'train' then 1 when 'validation' then 2 else 3 end"
    user, item = "substr(user_id, 2)::bigint", "substr(item_id, 2)::bigint"
    query = (
        "select count(*) filter (part = 'train'), count(*) filter (part = 'validation'), count(*) filter (part = 'test'), "
        f"sum(({code}) * ({user} % 9973 + 1) * ({item} % 9967 + \"timestamp\" % 9949)) from '{path}'"
    )
    *counts, total = db.sql(query).fetchall()[0]  # type: ignore[attr-defined]
    return "/".join(map(str, counts)) + f" {total}"


def by_pandas(log: Path, out: Path) -> str:
    """As it is written on the first try: everything in memory."""
    import numpy as np
    import pandas as pd

    frame = pd.read_parquet(log) if log.suffix == ".parquet" else pd.read_csv(log)
    frame["user"], users = pd.factorize(frame.pop("user_id"))
    frame["item"], items = pd.factorize(frame.pop("item_id"))
    while True:
        before = len(frame)
        for name in ("user", "item"):
            frame = frame[np.bincount(frame[name])[frame[name]] >= CORE]
        if len(frame) == before:
            break
    frame = frame.sort_values(["user", "timestamp"], kind="stable")
    back = frame.groupby("user").cumcount(ascending=False)
    held = frame.groupby("user")["item"].transform("size") >= 3
    frame["part"] = np.select([held & (back == 0), held & (back == 1)], ["test", "validation"], "train")
    out.mkdir()
    frame.to_parquet(out / "log.parquet", compression="zstd", index=False)
    code = frame["part"].map({"train": 1, "validation": 2, "test": 3}).to_numpy()
    user = pd.Series(users).str.slice(1).astype("int64").to_numpy()[frame["user"]]
    item = pd.Series(items).str.slice(1).astype("int64").to_numpy()[frame["item"]]
    total = int((code * (user % 9973 + 1) * (item % 9967 + frame["timestamp"].to_numpy() % 9949)).sum())
    return "/".join(str(int((code == which).sum())) for which in (1, 2, 3)) + f" {total}"


WAYS = {"toolrec": by_toolrec, "duckdb": by_duckdb, "pandas": by_pandas}


def measure(who: str, python: str, log: Path, millions: int, folder: Path) -> Measured | None:
    """Run one way to its end as a process of its own. None when it ended badly."""
    out = folder / who
    shutil.rmtree(out, ignore_errors=True)
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([python, __file__, "--only", who, str(log), str(out)], stdout=said)
        _, status, used = os.wait4(process.pid, 0)
        said.seek(0)
        checksum = said.read().decode().strip()
    wall = time.perf_counter() - begun
    shutil.rmtree(out, ignore_errors=True)
    if status:
        print(f"{who} did not survive {millions} million rows (status {status}).", file=sys.stderr)
        return None
    return Measured(who, millions, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, checksum)


def table(done: list[Measured]) -> str:
    """A row a run; growth is against the same one's shortest log."""
    lines = ["| who | million rows | wall s | CPU s | peak MiB | time and memory against the shortest log |"]
    lines += ["|---|--:|--:|--:|--:|--:|"]
    for each in done:
        first = next(other for other in done if other.who == each.who)
        growth = "" if first is each else f"×{each.wall / first.wall:.1f}, ×{each.peak / first.peak:.1f}"
        lines.append(
            f"| {each.who} | {each.millions} | {each.wall:,.1f} | {each.cpu:,.1f} | {each.peak:,.0f} | {growth} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores and the day."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{(names or [platform.machine()])[0]}, {len(os.sched_getaffinity(0))} cores, {today}"


def has(python: str, module: str) -> bool:
    """Whether that Python has the module."""
    return subprocess.run([python, "-c", f"import {module}, pyarrow"], capture_output=True, check=False).returncode == 0


def main() -> None:
    """Make each log, run each way, check that they agree, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10], metavar="MILLIONS")
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--pandas-up-to", type=int, default=10, metavar="MILLIONS")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", nargs=3, metavar=("WHO", "LOG", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        who, log, out = arguments.only
        print(WAYS[who](Path(log), Path(out)))
        return
    folder = arguments.folder or Path(tempfile.mkdtemp())
    done: list[Measured] = []
    for millions in arguments.rows:
        log = folder / f"log-{millions}.{arguments.format}"
        if not log.exists():
            make_log(log, millions * 1_000_000)
        ways = {"toolrec": sys.executable, "duckdb": arguments.peers}
        ways |= {"pandas": arguments.peers} if millions <= arguments.pandas_up_to else {}
        for who, python in ways.items():
            if who != "toolrec" and not has(python, who):
                print(f"{who} is not installed in {python}: skipped.", file=sys.stderr)
            elif found := measure(who, python, log, millions, folder):
                done.append(found)
                print(found, file=sys.stderr)
        if len({each.checksum for each in done if each.millions == millions}) > 1:
            raise SystemExit("They did not make the same data set.")
    print(f"{table(done)}\n\n{arguments.format}; checksums agree: {done[-1].checksum}.\n{machine()}")
    if arguments.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
