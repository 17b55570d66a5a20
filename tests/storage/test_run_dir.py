"""A run's directory: what is in its record, how it ends, and how it is found again."""

import errno
import hashlib
import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.storage.run_dir import (
    MANIFEST,
    SCHEMA_VERSION,
    Manifest,
    RunDir,
    find_run,
    list_runs,
    open_run,
    recording,
)

GIVEN = Manifest(
    verb="pretrain",
    subject="toys-sasrec",
    dataset="toys",
    dataset_digest="d" * 64,
    settings={"seed": {"value": 7, "from": "commandline"}},
    argv=("toolrec", "pretrain", "toys", "--seed", "7"),
    seed=7,
    versions={"python": "3.11"},
    inputs={"backbone": "b" * 64},
)


def stored(path: Path) -> dict[str, Any]:
    return json.loads((path / MANIFEST).read_text())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_something_and_raise(run: RunDir, mishap: BaseException) -> NoReturn:
    (run.path / "model").mkdir()
    run.append("metrics.jsonl", b"{}\n")
    run.update(result={"epochs": 1})
    raise mishap


def finished(runs: Path, name: str, **changed: Any) -> Path:
    """A run of that name, done."""
    with recording(runs, replace(GIVEN, **changed), runs / name) as run:
        run.append("log", b"x\n")
    return run.path


def test_a_run_is_recorded_from_its_beginning(tmp_path: Path) -> None:
    with recording(tmp_path / "runs", GIVEN) as run:
        assert run.path.parent == tmp_path / "runs"
        assert re.fullmatch(r"\d{8}T\d{6}(\.\d+)?-pretrain-toys-sasrec-[0-9a-f]{4}", run.name)
        begun = stored(run.path)
    assert (begun["status"], begun["finished"], begun["outputs"]) == ("running", None, {})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", begun["started"])
    assert begun["schema_version"] == SCHEMA_VERSION
    assert {key: begun[key] for key in ("verb", "seed", "settings", "versions", "inputs")} == {
        key: asdict(GIVEN)[key] for key in ("verb", "seed", "settings", "versions", "inputs")
    }
    assert begun["argv"] == list(GIVEN.argv)


def test_a_run_that_is_done_says_what_it_made(tmp_path: Path) -> None:
    with recording(tmp_path, GIVEN) as run:
        (run.path / "model").mkdir()
        (run.path / "model" / "config.json").write_text("{}")
        (run.path / ".scratch").write_text("no output")
        run.append_json("metrics.jsonl", {"epoch": 1})
        run.append("metrics.jsonl", b'{"epoch": 2}\n')
        run.update(result={"epochs": 2})
    found = stored(run.path)
    assert found["status"] == "done"
    assert found["finished"] >= found["started"]
    assert found["result"] == {"epochs": 2}
    assert found["outputs"] == {
        "metrics.jsonl": sha256('{"epoch": 1}\n{"epoch": 2}\n'),
        "model/config.json": sha256("{}"),
    }


def test_what_was_recorded_is_what_is_opened(tmp_path: Path) -> None:
    with recording(tmp_path, GIVEN) as run:
        run.append("log", b"x\n")
    assert open_run(run.path).manifest == run.manifest
    assert open_run(run.path).name == run.name


@pytest.mark.parametrize("mishap", [InputError("bad"), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), SystemExit(2)])
def test_a_run_that_fails_leaves_nothing(tmp_path: Path, mishap: BaseException) -> None:
    with pytest.raises(type(mishap)) as caught, recording(tmp_path / "runs", GIVEN) as run:
        make_something_and_raise(run, mishap)
    assert caught.value is mishap
    assert list((tmp_path / "runs").iterdir()) == []


def test_ctrl_c_keeps_what_is_worth_keeping(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), recording(tmp_path, GIVEN) as run:
        make_something_and_raise(run, KeyboardInterrupt())
    found = open_run(run.path).manifest
    assert (found.status, found.result) == ("interrupted", {"epochs": 1})
    assert found.outputs == {"metrics.jsonl": sha256("{}\n")}
    assert found.finished is not None


def test_ctrl_c_before_anything_was_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), recording(tmp_path, GIVEN):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_out_says_where_a_run_goes(tmp_path: Path) -> None:
    with recording(tmp_path / "runs", GIVEN, tmp_path / "far" / "mine") as run:
        assert run.path == tmp_path / "far" / "mine"
    assert not (tmp_path / "runs").exists()
    assert open_run(tmp_path / "far" / "mine").manifest.status == "done"


@pytest.mark.parametrize("kind", ["file", "empty directory", "run"])
def test_out_that_is_there_already_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "mine"
    if kind == "file":
        out.write_text("mine")
    elif kind == "run":
        finished(tmp_path, "mine")
    else:
        out.mkdir()
    before = sorted(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    with pytest.raises(UsageError, match="mine is there already") as caught, recording(tmp_path, GIVEN, out):
        pytest.fail("it began all the same")
    assert caught.value.hint == "Choose another --out, or remove it."
    assert sorted(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) == before


def test_two_runs_of_one_second_have_two_names(tmp_path: Path) -> None:
    with recording(tmp_path, GIVEN) as one, recording(tmp_path, GIVEN) as other:
        assert one.path != other.path
    assert len(list_runs(tmp_path)) == 2


def test_a_run_lies_right_under_runs_whatever_its_subject_is_called(tmp_path: Path) -> None:
    """Attributes are named by strangers' column headings."""
    with recording(tmp_path / "runs", replace(GIVEN, subject="toys-price/unit")) as run:
        pass
    assert run.path.parent == tmp_path / "runs"
    assert [found.path for found in list_runs(tmp_path / "runs")] == [run.path]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"schema_version": "new"}', '{"schema_version": 1}', "\xff"]
)
def test_a_broken_manifest_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path / MANIFEST))} cannot be read") as caught:
        open_run(tmp_path)
    assert caught.value.exit_code == 3


def test_a_newer_manifest_is_refused_by_its_version_whatever_else_it_says(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1, "verb": ["new"]}))
    with pytest.raises(InputError, match=f"version {SCHEMA_VERSION + 1}; this toolrec reads up to {SCHEMA_VERSION}"):
        open_run(tmp_path)


def test_fields_that_have_come_since_are_filled_in_and_unknown_ones_passed_over(tmp_path: Path) -> None:
    path = finished(tmp_path, "mine")
    raw = stored(path)
    for name in ("result", "outputs", "inputs"):
        del raw[name]
    (path / MANIFEST).write_text(json.dumps(raw | {"mood": "good"}))
    assert open_run(path).manifest.inputs == {}


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run: it has no run\.json"):
        open_run(tmp_path)
    with pytest.raises(InputError, match=r"is not a run: it has no run\.json"):
        open_run(tmp_path / "nowhere")


def test_a_file_is_no_run_either(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is not a run"):
        open_run(tmp_path / "file")


def test_runs_are_listed_newest_first_and_what_is_none_is_passed_over(tmp_path: Path) -> None:
    for name in ("20251231T000000-eval-toys-aaaa", "20260102T000000-eval-toys-aaaa", "20260103T000000-eval-toys-aaaa"):
        finished(tmp_path, name)
    (tmp_path / "20270101T000000-eval-toys-aaaa").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    assert [run.name[:8] for run in list_runs(tmp_path)] == ["20260103", "20260102", "20251231"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    finished(tmp_path, "20260101T000000-eval-toys-aaaa")
    for name, text in (("20260102T000000-broken", "{"), ("20260103T000000-newer", '{"schema_version": 99}')):
        finished(tmp_path, name)
        (tmp_path / name / MANIFEST).write_text(text)
        with pytest.raises(InputError):
            find_run(tmp_path, name)
    assert [run.name for run in list_runs(tmp_path)] == ["20260101T000000-eval-toys-aaaa"]


def test_runs_of_one_second_are_listed_newest_first_too(tmp_path: Path) -> None:
    made: list[Path] = []
    for _ in range(6):
        with recording(tmp_path, GIVEN) as run:
            made.append(run.path)
    assert [run.path for run in list_runs(tmp_path)] == made[::-1]


def test_a_run_is_found_by_its_name_or_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = finished(tmp_path / "runs", "mine")
    monkeypatch.chdir(tmp_path)
    for name in ("mine", str(path), "runs/mine"):
        assert find_run(tmp_path / "runs", name).path.samefile(path)


def test_a_run_that_does_not_exist_gets_the_near_miss_or_how_many_there_are(tmp_path: Path) -> None:
    finished(tmp_path, "20260102T000000-eval-toys-aaaa")
    with pytest.raises(InputError, match="Did you mean '20260102T000000-eval-toys-aaaa'"):
        find_run(tmp_path, "20260102T000000-eval-toys-aaab")
    with pytest.raises(InputError, match=f"There is no run 'zzz'. {re.escape(str(tmp_path))} holds 1 runs"):
        find_run(tmp_path, "zzz")


def test_log_lines_keep_foreign_letters(tmp_path: Path) -> None:
    with recording(tmp_path, GIVEN) as run:
        run.append_json("log.jsonl", {"title": "Amélie\n2"})
        assert (run.path / "log.jsonl").read_bytes() == '{"title": "Amélie\\n2"}\n'.encode()


def test_a_run_is_found_by_the_end_of_its_name_where_only_one_ends_so(tmp_path: Path) -> None:
    for name in ("20260101T000000-eval-toys-aaaa", "20260102T000000-eval-toys-bbbb"):
        with recording(tmp_path, GIVEN, tmp_path / name):
            pass
    assert find_run(tmp_path, "eval-toys-bbbb").name == "20260102T000000-eval-toys-bbbb"
    with pytest.raises(InputError, match="There is no run 'toys'"):
        find_run(tmp_path, "toys")


def test_where_no_folder_can_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be made"), recording(Path("/proc/x"), GIVEN):
        pass
