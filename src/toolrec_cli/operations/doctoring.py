"""toolrec doctor: what is installed and what lies in the workspace, or what a language-model server really does."""

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from toolrec_cli.data.library import prepared
from toolrec_cli.errors import InputError, ProviderError
from toolrec_cli.llm.endpoint import ProtocolName
from toolrec_cli.llm.stack import ModelOptions, Stack, build
from toolrec_cli.operations.listing import PreparedLine, listing
from toolrec_cli.operations.runs import status_of
from toolrec_cli.progress import Progress, silent
from toolrec_cli.storage.run_dir import MANIFEST, open_run

SCHEMA_VERSION = 1

PACKAGES = ("toolrec-cli", "torch", "numpy", "polars", "pyarrow", "openai", "genai-prices", "pydantic", "rich", "typer")
LITTLE = 2 * 10**9
"""Bytes: with less room than this on the disk, a run may not end well."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do about it."""

    what: str
    hint: str


@dataclass(frozen=True)
class Examination:
    """The installation and the workspace. `runs`: how many there are by status; `free`: bytes left on the disk."""

    python: str
    system: str
    cores: int
    packages: dict[str, str | None]
    workspace: str
    free: int
    datasets: tuple[PreparedLine, ...]
    runs: dict[str, int]
    problems: tuple[Problem, ...]
    schema_version: int = SCHEMA_VERSION


def examine(workspace: Path) -> Examination:
    """Look at everything, change nothing."""
    packages = {name: _version(name) for name in PACKAGES}
    datasets = listing(workspace).datasets if prepared(workspace) else ()
    runs, unread = _runs(workspace / "runs")
    free = shutil.disk_usage(_existing(workspace)).free
    problems = [
        *(
            Problem(f"{name} is not installed.", f"Type: pip install {name}")
            for name, v in packages.items()
            if v is None
        ),
        *_problems_of(datasets),
        *(Problem(message, "Move it away, or remove it.") for message in unread),
        *_problems_of_place(workspace, free),
    ]
    return Examination(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        packages=packages,
        workspace=str(workspace),
        free=free,
        datasets=datasets,
        runs=runs,
        problems=tuple(problems),
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    path = path.absolute()
    return path if path.exists() else _existing(path.parent)


def _runs(folder: Path) -> tuple[dict[str, int], list[str]]:
    """How many runs there are by status, and a sentence for each that cannot be read."""
    counts: dict[str, int] = {}
    unread: list[str] = []
    for path in sorted(folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []:
        try:
            status = status_of(open_run(path.parent))
        except InputError as error:
            unread.append(error.message)
        else:
            counts[status] = counts.get(status, 0) + 1
    return counts, unread


def _problems_of(datasets: tuple[PreparedLine, ...]) -> list[Problem]:
    return [
        Problem(f"The data set {line.name} cannot be used: {line.problem}", f"Type: toolrec prep {line.name} --force")
        for line in datasets
        if line.problem is not None
    ]


def _problems_of_place(workspace: Path, free: int) -> list[Problem]:
    found: list[Problem] = []
    if not os.access(_existing(workspace), os.W_OK):
        found.append(Problem(f"{workspace} cannot be written.", "Choose another --workspace."))
    if free < LITTLE:
        found.append(Problem(f"The disk has {free / 1e9:.1f} GB left.", "Make room, or choose another --workspace."))
    dotenv = workspace / ".env"
    if dotenv.is_file() and dotenv.stat().st_mode & 0o077:
        found.append(Problem(f"{dotenv} can be read by others.", f"Type: chmod 600 {dotenv}"))
    return found


@dataclass(frozen=True)
class Consultation:
    """What a server was found to do, and what is to be typed. `models`: what it lists, perhaps nothing."""

    base_url: str
    model: str
    models: tuple[str, ...]
    key: str | None
    """Where the key was found; None: none was."""
    facts: dict[str, Any]
    preset: str
    protocol: ProtocolName | None
    settings: tuple[str, ...]
    price: str
    schema_version: int = SCHEMA_VERSION


def consult(
    options: ModelOptions, environment: Mapping[str, str], workspace: Path, *, progress: Progress = silent
) -> Consultation:
    """Ask the server about eight things. An empty `options.model` means the first one that it lists.

    Raises ProviderError when the server does not answer.
    """
    from toolrec_cli.llm.providers.advice import advise
    from toolrec_cli.llm.providers.probing import probe

    models = _models(options, environment, workspace)
    if not options.model:
        if not models:
            raise ProviderError("The server lists no models.", hint="Name one: --model NAME")
        options = replace(options, model=models[0])
    stack = build(options, environment, workspace)
    try:
        facts = probe(stack.server, lambda name, number, of: progress("asking", number, of, name))
        progress("asking", facts.calls, facts.calls)
    finally:
        stack.close()
    advice = advise(facts, stack.endpoint, options.model)
    return Consultation(
        base_url=stack.endpoint.base_url,
        model=options.model,
        models=tuple(models),
        key=stack.server.key_source,
        facts=asdict(facts),
        preset=advice.preset,
        protocol=advice.protocol,
        settings=advice.settings,
        price=stack.prices.source,
    )


def _models(options: ModelOptions, environment: Mapping[str, str], workspace: Path) -> list[str]:
    """What the server lists; nothing if it lists none and a model is named. Raises ProviderError."""
    stack: Stack = build(replace(options, model=options.model or "any"), environment, workspace)
    try:
        return stack.server.models()
    except ProviderError:
        if not options.model:
            raise
        return []  # many servers do not list their models; whether this one answers, the first probe shows
    finally:
        stack.close()
