"""toolrec datasets: what can be prepared, and what is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from toolrec_cli.data.dataset import CARD, Dataset, DatasetCard
from toolrec_cli.data.library import dataset_dir, open_dataset, prepared
from toolrec_cli.errors import InputError, near_misses
from toolrec_cli.operations.preparing import SOURCES
from toolrec_cli.storage.run_dir import RunDir, list_runs

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SourceLine:
    """A source: one line about it, and where its raw files are to be had (None: nothing is downloaded)."""

    name: str
    about: str
    home: str | None


@dataclass(frozen=True)
class TrainedLine:
    """A finished backbone: its run, its kind, and the attributes that have an encoder on it, in the catalogue's order."""

    run: str
    backbone: str
    encoders: tuple[str, ...]


@dataclass(frozen=True)
class PreparedLine:
    """A prepared data set: its counts, its size on disk in bytes, when it was prepared (ISO, UTC), and what is trained on it.

    `trained` are all backbones trained on exactly these data, the newest first; `backbones` their kinds, and `encoders` those on
    the one that is explored with where none is named. `problem` says why the data set cannot be used, and then there is
    nothing else to tell.
    """

    name: str
    source: str | None = None
    counts: dict[str, int] = field(default_factory=dict[str, int])
    n_bytes: int = 0
    prepared_at: str | None = None
    backbones: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    trained: tuple[TrainedLine, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """What there is for a workspace."""

    workspace: str
    sources: tuple[SourceLine, ...]
    datasets: tuple[PreparedLine, ...]
    schema_version: int = SCHEMA_VERSION


def listing(workspace: Path) -> Listing:
    """Every source of the registry, and every prepared data set of the workspace, by name."""
    found = ((name, SOURCES.get(name)) for name in SOURCES.names())
    sources = tuple(SourceLine(name, source.about, source.home) for name, source in found)
    runs = list_runs(workspace / "runs")
    datasets = tuple(_prepared_line(workspace, name, runs) for name in prepared(workspace))
    return Listing(str(workspace), sources, datasets)


def find_dataset(workspace: Path, name: str) -> Dataset:
    """The prepared data set called `name`.

    Raises InputError: with the near miss among what is prepared, else with the command that prepares it, else with the near
    miss among the sources.
    """
    there, sources = prepared(workspace), SOURCES.names()
    if name in there or name in sources or near_misses(name, there):
        return open_dataset(workspace, name)
    if near := near_misses(name, sources):
        raise InputError(
            f"The data set {name!r} is not prepared. Did you mean {near[0]!r}?", hint=f"Type: toolrec prep {near[0]}"
        )
    said = f"Prepared: {', '.join(there)}." if there else "Nothing is prepared yet."
    raise InputError(
        f"The data set {name!r} is not prepared.", hint=f"{said} What can be prepared is listed by: toolrec datasets"
    )


def _prepared_line(workspace: Path, name: str, runs: list[RunDir]) -> PreparedLine:
    directory = dataset_dir(workspace, name)
    try:
        card = Dataset(directory).card
    except InputError as error:
        return PreparedLine(name, problem=error.message)
    files = [file.stat() for file in directory.rglob("*") if file.is_file()]
    written = datetime.fromtimestamp((directory / CARD).stat().st_mtime, UTC)
    trained = _trained(card, runs)
    return PreparedLine(
        name=name,
        source=card.source,
        counts=card.counts,
        n_bytes=sum(file.st_size for file in files),
        prepared_at=written.isoformat(timespec="seconds").replace("+00:00", "Z"),
        backbones=tuple(dict.fromkeys(line.backbone for line in trained)),
        encoders=next((line.encoders for line in trained if line.encoders), ()),
        trained=trained,
    )


def _trained(card: DatasetCard, runs: list[RunDir]) -> tuple[TrainedLine, ...]:
    """The finished backbones on the data set, newest first, each with the attributes that have an encoder on it."""
    fitting = [run for run in runs if run.manifest.status == "done" and run.manifest.dataset_digest == card.digest]
    on: dict[str, set[str]] = {}
    for one in (run.manifest for run in fitting if run.manifest.verb == "train-encoder"):
        on.setdefault(str(one.inputs.get("backbone")), set()).add(str(one.result.get("attribute")))
    lines: list[TrainedLine] = []
    for run in (each for each in fitting if each.manifest.verb == "pretrain"):
        served = on.get(str(run.manifest.result.get("digest")), set())
        kind = run.manifest.subject.removeprefix(f"{run.manifest.dataset}-")
        lines.append(TrainedLine(run.name, kind, tuple(each.name for each in card.attributes if each.name in served)))
    return tuple(lines)
