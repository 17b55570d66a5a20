"""kill -9, for real, at every step of a writing and in the midst of many: what is read afterwards is always whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolrec_cli.storage.run_dir import open_run

CRASH_POINTS = Path(__file__).parent / "crash_points.py"

REWRITES = """
import itertools, sys
from pathlib import Path
from toolrec_cli.storage.atomic import write_json
for n in itertools.count():
    write_json(Path(sys.argv[1]) / "a.json", {"n": n, "fill": [n] * 20_000})
    print(n, flush=True)
"""

RECORDS = """
import itertools, sys
from pathlib import Path
from toolrec_cli.storage.run_dir import Manifest, recording
manifest = Manifest("recommend", "toys", "toys", "00", {}, ("toolrec",), 42, {})
with recording(Path(sys.argv[1]), manifest, Path(sys.argv[1]) / "run") as run:
    for n in itertools.count():
        run.append_json("trajectories.jsonl", {"n": n, "fill": [n] * 5_000})
        run.update(result={"n": n})
        print(n, flush=True)
"""


def deaths(what: str, folder: Path, before: str) -> list[dict[str, Any]]:
    """What stands after a death at each step; the last one lived."""
    command = [sys.executable, str(CRASH_POINTS), what, str(folder), before]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in made.stdout.splitlines()]
    assert [line["killed"] for line in lines] == [True] * (len(lines) - 1) + [False]
    return lines


def killed_after(n: int, script: str, folder: Path) -> int:
    """Run `script` until it has said `n` numbers, kill it at once; the last number it said."""
    process = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(n):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    said = process.stdout.read().splitlines()
    assert process.wait() == -signal.SIGKILL
    return int(said[-1]) if said else n - 1


def whole(what: str, word: str) -> dict[str, str]:
    return dict.fromkeys(["place"] if what == "file" else ["a", "b"], f"{word} {word}")


@pytest.mark.parametrize("what", ["file", "directory"])
def test_killed_at_any_step_of_the_first_writing_it_is_whole_or_absent(what: str, tmp_path: Path) -> None:
    found = deaths(what, tmp_path, "nothing")
    assert len(found) > 6
    assert {json.dumps(each["standing"]) for each in found} == {"null", json.dumps(whole(what, "new"))}
    assert found[-1]["standing"] == whole(what, "new")


@pytest.mark.parametrize("what", ["file", "directory"])
def test_killed_at_any_step_of_a_rewriting_the_old_or_the_new_stands(what: str, tmp_path: Path) -> None:
    found = deaths(what, tmp_path, "old")
    assert len(found) > 6
    either = {json.dumps(whole(what, word)) for word in ("old", "new")}
    assert {json.dumps(each["standing"]) for each in found} == either
    assert found[-1]["standing"] == whole(what, "new")


@pytest.mark.parametrize("n", [1, 4, 25])
def test_killed_in_the_midst_of_many_rewritings_a_file_is_whole(n: int, tmp_path: Path) -> None:
    last = killed_after(n, REWRITES, tmp_path)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["n"] in (last, last + 1)
    assert found["fill"] == [found["n"]] * 20_000


@pytest.mark.parametrize("n", [1, 12])
def test_a_run_that_is_killed_can_be_read_and_loses_one_line_at_most(n: int, tmp_path: Path) -> None:
    last = killed_after(n, RECORDS, tmp_path)
    run = open_run(tmp_path / "run")
    assert (run.manifest.status, run.manifest.finished) == ("running", None)
    assert run.manifest.result["n"] in (last, last + 1)
    lines = (run.path / "trajectories.jsonl").read_text().split("\n")
    assert [json.loads(line)["n"] for line in lines[: last + 1]] == list(range(last + 1))
    assert len(lines) <= last + 3
