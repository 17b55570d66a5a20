"""toolrec prep: raw logs -> a data set."""

from dataclasses import dataclass
from pathlib import Path

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.library import dataset_dir, is_plain_name, prepared
from toolrec_cli.data.preparation import prepare as write_dataset
from toolrec_cli.data.reject_report import check_place, write_report
from toolrec_cli.data.source import ReadOptions, Source
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import Progress, silent
from toolrec_cli.registry import Registry

SOURCES: Registry[Source] = Registry("toolrec_cli.data.sources", "SOURCE", "data set")


@dataclass(frozen=True)
class PrepOptions:
    """How to prepare: what to read, under which name to keep it, whether to replace it, and whether to live with bad rows.

    `report` is where all rejected rows are written, as Parquet, whether or not they are too many.
    """

    read: ReadOptions = ReadOptions()
    name: str | None = None
    force: bool = False
    skip_bad: bool = False
    report: Path | None = None


def prepare(workspace: Path, source: str, options: PrepOptions | None = None, progress: Progress = silent) -> Dataset:
    """Read `source`, and write it as a data set of the workspace.

    Raises UsageError when the source is unknown or the data set is there already, InputError when the raw files are bad.
    """
    options = options or PrepOptions()
    found = SOURCES.get(source)
    name = options.name or source
    if not is_plain_name(name):
        raise UsageError(
            f"A data set cannot be called {name!r}.",
            hint="Use letters, digits, '-', '_' and '.', not '.' at the start.",
        )
    if name in prepared(workspace) and not options.force:
        raise UsageError(
            f"The data set {name!r} is prepared already, in {dataset_dir(workspace, name)}.",
            hint="--force prepares it again (models trained on it must then be trained again); --name keeps both.",
        )
    if options.report is not None:
        check_place(options.report)
    raw = found.read(options.read, progress)
    if options.report is not None:
        write_report(options.report, raw.bad_rows)
    directory = dataset_dir(workspace, name)
    try:
        return write_dataset(source, raw, name, directory, skip_bad=options.skip_bad, progress=progress)
    except InputError as error:
        if raw.bad_rows:
            listed = f"They are all in {options.report}." if options.report else "--report FILE.parquet lists them all."
            error.hint = f"{error.hint} {listed}"
        raise
