"""--runner ray, typed: what it cannot do is said before anything is done. Runs on a cluster are in tests/on_ray."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Run = Callable[..., CompletedProcess[str]]

SOMEBODY = ["recommend", "--user", "3", "--runner", "ray"]


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "toolrec_cli.operations.runners.ray.find_spec", lambda name: True if name == "ray" else found(name)
    )


def flat(said: CompletedProcess[str]) -> str:
    return " ".join(said.stderr.split())


def test_without_ray_it_is_said_what_to_install(toolrec: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolrec_cli.operations.runners.ray.find_spec", lambda name: None)
    said = toolrec(*SOMEBODY, "-w", tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert "--runner ray needs Ray, which is not installed." in flat(said)
    assert "Type: pip install 'toolrec-cli[ray]'" in flat(said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([*SOMEBODY, "--model", "m", "--trace"], "--trace and --ablate follow one user after the other"),
        ([*SOMEBODY, "--trace"], "--trace and --ablate follow one user after the other"),
        (["eval", "--ablate", "rounds", "--runner", "ray"], "--trace and --ablate follow one user after the other"),
        (
            [*SOMEBODY, "--ray-address", "ray://there:10001"],
            "an address of Ray Client, through which no files are shared",
        ),
        ([*SOMEBODY, "--runner", "spark"], "'spark' is not one of 'local', 'ray'"),
    ],
)
@pytest.mark.usefixtures("with_ray")
def test_what_a_cluster_cannot_do_is_refused(toolrec: Run, tmp_path: Path, words: list[Any], reason: str) -> None:
    said = toolrec(*words, "-w", tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert reason in flat(said).replace("│ ", "").replace(" │", "")
    assert list(tmp_path.iterdir()) == []


def test_nobody_imports_ray_unasked(process: Run, workspace: Path) -> None:
    show = "import atexit, sys; atexit.register(lambda: print('ray' in sys.modules, file=sys.stderr))"
    said = process("recommend", "--user", "3", "--json", "-w", workspace, before=show)
    assert said.returncode == 0
    assert said.stderr.splitlines()[-1] == "False"
