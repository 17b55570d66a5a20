"""The wheel: it builds, holds what it should, and runs in an environment of its own."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    kinds = ("*.py", "*.md", "*.html", "*.css")
    there = {str(path.relative_to(ROOT / "src")) for kind in kinds for path in (ROOT / "src").rglob(kind)}
    assert there <= set(names)
    assert "toolrec_cli/py.typed" in names
    assert "toolrec_cli/agent/prompts/v1/films.md" in names
    assert "toolrec_cli/agent/prompts/v2/rules.md" in names
    assert "toolrec_cli/render/html/templates/page.html" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"toolrec_cli"}


def test_the_wheel_runs_in_an_environment_of_its_own(wheel: Path, tiny_workspace: Path, tmp_path: Path) -> None:
    """The dependencies are lent by the environment of the tests; the package itself is the wheel's."""
    venv.create(tmp_path / "env", with_pip=False)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    python = tmp_path / "env" / "bin" / "python"
    where = subprocess.run(
        [python, "-E", "-c", "import toolrec_cli; print(toolrec_cli.__file__)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(site)
    said = subprocess.run([python, "-E", "-m", "toolrec_cli", "--help"], check=True, capture_output=True, text=True)
    assert all(
        verb in said.stdout for verb in ("prep", "pretrain", "train-encoder", "recommend", "replay", "eval", "datasets")
    )
    page = [python, "-E", "-m", "toolrec_cli", "report", "--out", "-", "-w", tiny_workspace]
    assert "</html>" in subprocess.run(page, check=True, capture_output=True, text=True).stdout, (
        "the templates are there"
    )
