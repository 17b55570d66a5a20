"""--retrieval, typed: what an index finds is said, and where there can be none, why."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from toolrec_cli.models import item_index

Run = Callable[..., CompletedProcess[str]]

needs_faiss = pytest.mark.skipif(not item_index.installed(), reason="needs the extra ann")
SOMEBODY = ["recommend", "--users", "3", "--retrieval"]


def test_without_faiss_it_is_said_what_to_install(
    toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_index, "find_spec", lambda name: None)
    said = toolrec(*SOMEBODY, "index", "-w", workspace)
    assert said.returncode == 2
    assert "An index needs faiss, which is not installed." in said.stderr
    assert "Type: pip install 'toolrec-cli[ann]'" in said.stderr


@needs_faiss
def test_a_catalogue_can_be_too_small(toolrec: Run, workspace: Path) -> None:
    said = toolrec(*SOMEBODY, "index", "-w", workspace)
    assert (said.returncode, "items are too few for an index" in said.stderr) == (2, True)


@needs_faiss
@pytest.mark.parametrize("verb", [["recommend", "--users", "5"], ["eval", "--users", "20"]])
def test_its_recall_is_printed(toolrec: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]) -> None:
    monkeypatch.setattr(item_index, "_TRAINING", 1)
    said = toolrec(*verb, "--retrieval", "index", "-w", workspace)
    assert said.returncode == 0, said.stderr
    flat = " ".join(said.stderr.split())
    assert "Retrieved by an index, which finds of the best 100 items " in flat
    assert "% (none), " in flat
    assert "% (genre), " in flat
    assert "80 users asked." in flat
    exactly = toolrec(*verb, "--retrieval", "exact", "-w", workspace)
    assert "Retrieved by an index" not in exactly.stderr
