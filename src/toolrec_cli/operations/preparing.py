"""toolrec prep: raw logs -> a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolrec_cli.data.choices import Choices
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.library import dataset_dir, is_plain_name, prepared
from toolrec_cli.data.preparing.preparation import prepare as write_dataset
from toolrec_cli.data.reading.reject_report import check_place, write_report
from toolrec_cli.data.source import BadRow, ReadOptions, Source
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import Progress, silent
from toolrec_cli.registry import Registry

SOURCES: Registry[Source] = Registry("toolrec_cli.data.sources", "SOURCE", "data set")


@dataclass(frozen=True)
class PrepOptions:
    """How to prepare: what to read, under which name to keep it, whether to replace it, and whether to live with bad rows.

    `report` is where all rejected rows are written, as Parquet, whether or not they are too many. `choices` say what is
    filtered and how it is split.
    """

    read: ReadOptions = ReadOptions()
    name: str | None = None
    force: bool = False
    skip_bad: bool = False
    report: Path | None = None
    choices: Choices = Choices()


def prepare(workspace: Path, source: str, options: PrepOptions | None = None, progress: Progress = silent) -> Dataset:
    """Read `source`, and write it as a data set of the workspace.

    Raises UsageError when the source is unknown or the data set is there already, InputError when the raw files are bad.
    """
    options = options or PrepOptions()
    found = SOURCES.get(source)
    name = options.name or source
    _check_name(workspace, name, force=options.force)
    if options.report is not None:
        check_place(options.report)
    raw = found.read(options.read, progress)
    rejected = list(raw.bad_rows)

    def report(more: Sequence[BadRow] = ()) -> None:
        rejected.extend(more)
        if options.report is not None:
            write_report(options.report, rejected)

    report()
    directory = dataset_dir(workspace, name)
    skip_bad, choices = options.skip_bad, options.choices
    try:
        return write_dataset(
            source, raw, name, directory, skip_bad=skip_bad, progress=progress, choices=choices, on_rejected=report
        )
    except InputError as error:
        if rejected:
            listed = f"They are listed in {options.report}." if options.report else "--report FILE.parquet lists them."
            error.hint = f"{error.hint} {listed}"
        raise


def _check_name(workspace: Path, name: str, *, force: bool) -> None:
    """Raises UsageError for a name that cannot be, or is there already (unless `force`)."""
    if not is_plain_name(name):
        raise UsageError(
            f"A data set cannot be called {name!r}.",
            hint="Use letters, digits, '-', '_' and '.', not '.' at the start.",
        )
    if name in prepared(workspace) and not force:
        raise UsageError(
            f"The data set {name!r} is prepared already, in {dataset_dir(workspace, name)}.",
            hint="--force prepares it again (models trained on it must then be trained again); --name keeps both.",
        )
