"""A run's directory: a manifest that says what ran, and the files it made.

`run.json` is written when the run begins (status "running") and again, last, when it ends. A run that fails leaves no
directory; one that is interrupted keeps what is worth keeping, and says so in its status. A run with a log (a line a user)
keeps its directory as soon as one line (of that or another log) is whole, however it ends, and can be resumed.
"""

import json
import re
import secrets
import shlex
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from toolrec_cli.errors import InputError, ToolRecError, UsageError, WorkerLost, unknown
from toolrec_cli.storage import atomic
from toolrec_cli.storage.digests import file_digest
from toolrec_cli.storage.lock import holding
from toolrec_cli.storage.log import has_lines, trim

SCHEMA_VERSION = 1
MANIFEST = "run.json"
KEPT = "Kept: "
"""How it begins what is said of a run that was stopped."""
RESUME = "resume"
"""Where in a run the state is kept that an interrupted training goes on from."""


@dataclass(frozen=True)
class Manifest:
    """run.json: what ran, on what, with which settings, and how it ended."""

    verb: str
    subject: str
    dataset: str
    dataset_digest: str
    settings: dict[str, Any]
    """Every setting with its value and where it came from."""
    argv: tuple[str, ...]
    seed: int
    versions: dict[str, str]
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    """What it was made from -> digest."""
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    """File -> SHA-256, filled in at the end."""
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    plan: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the operation was asked to do, in its own words: by this a run is resumed, or verified."""
    status: str = "running"
    """running · done · interrupted (Ctrl-C, a budget, a provider, the disk) · failed (a bug)."""
    reason: str = ""
    """Why it did not end well."""
    started: str = ""
    finished: str | None = None
    resumed: tuple[dict[str, Any], ...] = ()
    """Every time it went on: when, how many bytes of a torn line were cut off, and what had changed by then (`drift`)."""
    schema_version: int = SCHEMA_VERSION


def resumed_by(verb: str) -> str:
    """The command whose --resume goes on with a run of `verb`."""
    return {"what-if": "replay", "ablate": "eval"}.get(verb, verb)


class RunDir:
    """One run on disk."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def typed(self) -> str:
        """Its path as it is typed into a shell."""
        return shlex.quote(str(self.path))

    def update(self, **changes: Any) -> None:
        """Change the manifest and write it."""
        self.manifest = replace(self.manifest, **changes)
        atomic.write_json(self.path / MANIFEST, asdict(self.manifest))

    def append(self, file: str, line: bytes) -> None:
        """Append one whole line (with its newline) to a log of the run and flush it to the system."""
        with (self.path / file).open("ab") as log:
            log.write(line)

    def append_json(self, file: str, value: Any) -> None:
        """Append one value as a line of JSON."""
        self.append(file, json.dumps(value, ensure_ascii=False).encode() + b"\n")

    def finish(self, status: str, reason: str = "") -> None:
        """Write down what was made and how it ended; what a process that died left half-made is swept away."""
        for half_made in self.path.glob(".*.partial"):
            shutil.rmtree(half_made) if half_made.is_dir() else half_made.unlink()
        files = (f for f in self.path.rglob("*") if f.is_file() and f.name != MANIFEST and not f.name.startswith("."))
        outputs = {str(f.relative_to(self.path)): file_digest(f) for f in sorted(files)}
        self.update(status=status, reason=reason, finished=_now(), outputs=outputs)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def recording(runs: Path, manifest: Manifest, out: Path | None = None, log: str | None = None) -> Generator[RunDir]:
    """A new run in `runs` (or at `out`): finished when the block ends well, interrupted on Ctrl-C, gone on failure.

    With a `log`, it is kept however the block ends once that file, or another log, has a whole line. Raises UsageError when
    `out` is there already.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]  # in order also within a second
    subject = re.sub(r"[^\w.-]+", "_", manifest.subject)[:60]  # it may hold strangers' ids and column names
    path = out or runs / f"{stamp}-{manifest.verb}-{subject}-{secrets.token_hex(2)}"
    if path.exists():
        raise UsageError(f"{path} is there already.", hint="Choose another --out, or remove it.")
    atomic.make_folder(path, exist_ok=False)
    run = RunDir(path, manifest)
    with _removed_if_worthless(run, log), holding(path), _ending(run, log):
        run.update(started=_now())
        yield run


@contextmanager
def resuming(path: Path, log: str, **noted: Any) -> Generator[RunDir]:
    """The unfinished run at `path` goes on: a torn last line of its log is cut off, and `noted` is written down.

    Raises InputError when another process is at it.
    """
    with holding(path):
        run = open_run(path)  # only now: until the lock was ours, somebody else may have written it
        entry = {"started": _now(), "torn_bytes": trim(path / log), **noted}
        with _ending(run, log):
            run.update(status="running", reason="", finished=None, resumed=(*run.manifest.resumed, entry))
            yield run


@contextmanager
def _ending(run: RunDir, log: str | None) -> Generator[None]:
    """Write down how it ended; whoever stopped it is told what is kept."""
    try:
        yield
        run.finish("done")
    except BaseException as stopped:
        if _is_worth_keeping(run, stopped, log):
            with suppress(OSError):  # on a full disk the manifest stays as it was: "running", with nobody at it
                trim(run.path / log) if log else None
                run.finish(*_how(stopped))
            _tell(stopped, run, resumable=log is not None)
        raise


def _tell(stopped: BaseException, run: RunDir, *, resumable: bool) -> None:
    """Whoever stopped it is told what is kept, and how it goes on; a run within this one goes on with it."""
    notes: list[str] = getattr(stopped, "__notes__", [])
    notes[:] = [note for note in notes if not note.startswith(f"{KEPT}{run.path}/")]
    again = f"Go on: toolrec {resumed_by(run.manifest.verb)} --resume {run.typed}" if resumable else ""
    stopped.add_note(f"{KEPT}{run.path}. {again}".rstrip())


def _how(stopped: BaseException) -> tuple[str, str]:
    """The status and the reason of a run that was stopped."""
    outside = isinstance(stopped, KeyboardInterrupt | ToolRecError | OSError)
    reason = str(stopped) or type(stopped).__name__
    return "interrupted" if outside else "failed", reason.splitlines()[0]


def _is_worth_keeping(run: RunDir, stopped: BaseException, log: str | None) -> bool:
    if log is not None:  # also answers that were paid for, and the state of a training
        return any(has_lines(file) for file in run.path.rglob("*.jsonl")) or (run.path / RESUME).is_dir()
    made = (file for file in run.path.iterdir() if file.name != MANIFEST and not file.name.startswith("."))
    return isinstance(stopped, KeyboardInterrupt | WorkerLost) and any(made)


@contextmanager
def _removed_if_worthless(run: RunDir, log: str | None) -> Generator[None]:
    try:
        yield
    except BaseException as stopped:
        if not _is_worth_keeping(run, stopped, log):
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def open_run(path: Path) -> RunDir:
    """The run at `path`. Raises InputError when it is none, or newer than this program."""
    try:
        raw = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        version = int(raw["schema_version"])
        if version <= SCHEMA_VERSION:
            return RunDir(path, TypeAdapter(Manifest).validate_python(raw))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} is not a run: it has no {MANIFEST}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path / MANIFEST} cannot be read ({str(error).splitlines()[0]}).") from error
    raise InputError(f"{path} has manifest version {version}; this toolrec reads up to {SCHEMA_VERSION}.")


def list_runs(runs: Path) -> list[RunDir]:
    """All runs, newest first; what is no run, or cannot be read, is passed over."""
    if not runs.is_dir():
        return []
    found: list[RunDir] = []
    for path in runs.iterdir():
        if (path / MANIFEST).is_file():
            with suppress(InputError):
                found.append(open_run(path))
    return sorted(found, key=lambda run: (run.manifest.started, run.name), reverse=True)


def find_run(runs: Path, name: str) -> RunDir:
    """The run called `name`: a path, or a directory's name under `runs`, or its end where only one ends so.

    Raises InputError with the near miss.
    """
    for path in (Path(name), runs / name):
        if (path / MANIFEST).is_file():
            return open_run(path if path.name not in ("", "..") else path.resolve())  # "." has no name of its own
    known = [run.name for run in list_runs(runs)]
    ending = [each for each in known if name and each.endswith(f"-{name}")]
    if len(ending) == 1:
        return open_run(runs / ending[0])
    raise InputError(
        unknown("run", name, known, hint=f"{runs} holds {len(known)} runs."), hint="toolrec runs lists them."
    )
