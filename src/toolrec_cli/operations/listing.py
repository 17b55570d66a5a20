"""toolrec datasets: what can be prepared, and what is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from toolrec_cli.data.dataset import CARD, Dataset
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
class PreparedLine:
    """A prepared data set: its counts, its size on disk in bytes, when it was prepared (ISO, UTC), and what is trained on it.

    `backbones` are the names of those trained on exactly these data, the newest first; `encoders` the attributes that have
    a tool on the newest. `problem` says why the data set cannot be used, and then there is nothing else to tell.
    """

    name: str
    source: str | None = None
    counts: dict[str, int] = field(default_factory=dict[str, int])
    n_bytes: int = 0
    prepared_at: str | None = None
    backbones: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
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
    backbones, encoders = _trained(card.digest, runs)
    return PreparedLine(
        name=name,
        source=card.source,
        counts=card.counts,
        n_bytes=sum(file.st_size for file in files),
        prepared_at=written.isoformat(timespec="seconds").replace("+00:00", "Z"),
        backbones=backbones,
        encoders=tuple(each.name for each in card.attributes if each.name in encoders),
    )


def _trained(digest: str, runs: list[RunDir]) -> tuple[tuple[str, ...], set[str]]:
    """The names of the finished backbones on the data set `digest`, newest first; the attributes with an encoder on the first."""
    made = [run.manifest for run in runs if run.manifest.status == "done" and run.manifest.dataset_digest == digest]
    backbones = [manifest for manifest in made if manifest.verb == "pretrain"]
    if not backbones:
        return (), set()
    newest = backbones[0].result.get("digest")
    names = [manifest.subject.removeprefix(f"{manifest.dataset}-") for manifest in backbones]
    on_it = (m for m in made if m.verb == "train-encoder" and m.inputs.get("backbone") == newest)
    return tuple(dict.fromkeys(names)), {str(manifest.result.get("attribute")) for manifest in on_it}
