"""The program as its user meets it: called in this process, or as a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from typer.testing import CliRunner

from toolrec_cli.app import app
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.operations.exploring import recommend
from toolrec_cli.operations.setting import Setting

Run = Callable[..., CompletedProcess[str]]

FROM_OUTSIDE = ("TOOLREC_", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLUMNS", "TTY_", "TERM")
"""Variables that would change what is tested."""


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FROM_OUTSIDE)}
    return kept | {"TERM": "xterm-256color", "PAGER": "cat"}  # at a terminal nobody is there to leave a pager


@pytest.fixture(autouse=True)
def _undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FROM_OUTSIDE):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def toolrec() -> Run:
    """Calls the program in this process; what would end in a traceback is raised."""

    def run(*words: str | Path) -> CompletedProcess[str]:
        args = [str(word) for word in words]
        result = CliRunner().invoke(app, args)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return CompletedProcess(args, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def command_line() -> Callable[..., list[str]]:
    """The argv of a process of its own; `before` is Python that it runs first."""

    def argv(*words: str | Path, before: str = "") -> list[str]:
        start = ["-c", f"{before}\nfrom toolrec_cli.app import main\nmain()"] if before else ["-m", "toolrec_cli"]
        return [sys.executable, *start, *map(str, words)]

    return argv


@pytest.fixture(scope="session")
def process(command_line: Callable[..., list[str]]) -> Run:
    """Calls the program as a process of its own, its streams piped."""

    def run(*words: str | Path, before: str = "", **options: Any) -> CompletedProcess[str]:
        argv = command_line(*words, before=before)
        settings = {"env": _environment(), "timeout": 60} | options
        return subprocess.run(argv, capture_output=True, text=True, check=False, **settings)

    return run


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a process of its own is started with."""
    return _environment()


@pytest.fixture(scope="session")
def explored(tiny_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `tiny_workspace` in which all 80 users were explored, in a run of its own. Nothing may be added to it."""
    workspace = Path(shutil.copytree(tiny_workspace, tmp_path_factory.mktemp("explored") / "w"))
    dataset = Dataset(workspace / "datasets" / "sample")
    recommend(Setting(workspace), dataset, dataset.users["user_id"].to_list())
    return workspace


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clicks.csv and products.csv of a shop with twelve visitors, in one folder."""
    folder = tmp_path_factory.mktemp("shop")
    clicks = [f"v{user},p{(user * 4 + step) % 9},{1000 + step}" for user in range(12) for step in range(8)]
    products = [f"p{item},Thing {item},{'ab'[item % 2]},{item + 0.5}" for item in range(9)]
    (folder / "clicks.csv").write_text("\n".join(["visitor,what,when", *clicks]) + "\n")
    (folder / "products.csv").write_text("\n".join(["what,title,colour,price/unit", *products]) + "\n")
    return folder
