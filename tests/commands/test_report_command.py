"""toolrec report: runs as a page, from their records alone; what is not whole is shown as what it is."""

import json
import re
import shlex
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from render.parsed import Parsed
from toolrec_cli.operations.reporting import gather
from toolrec_cli.storage.run_dir import list_runs

Run = Callable[..., CompletedProcess[str]]

WITHOUT = "import sys\nsys.modules |= dict.fromkeys({names})"
"""Python that makes importing these raise."""


def run_name(workspace: Path, verb: str) -> str:
    return next(run.name for run in list_runs(workspace / "runs") if run.manifest.verb == verb)


def parsed(said: CompletedProcess[str]) -> Parsed:
    assert said.returncode == 0, said.stderr
    found = Parsed(said.stdout)
    assert found.is_closed
    return found


@pytest.fixture
def alone(explored: Path, tmp_path: Path) -> Path:
    """A copy of the run of 80 users, in a workspace without data set and models."""
    name = run_name(explored, "recommend")
    return Path(shutil.copytree(explored / "runs" / name, tmp_path / "runs" / name))


def change(run: Path, **changes: Any) -> None:
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(manifest | changes))


def test_the_page_is_written_and_stdout_says_where(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = toolrec("report", run_name(explored, "recommend"), "--out", page, "-w", explored)
    assert (said.returncode, said.stdout) == (0, f"{page}\n")
    assert re.fullmatch(r"1 run, 20 explorations, [\d,]+ kB; open it in a browser.\n", said.stderr)
    assert Parsed(page.read_text(encoding="utf-8")).is_closed


def test_by_default_it_is_the_newest_run_in_a_file_of_its_name(
    toolrec: Run, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    said = toolrec("report", "-w", tmp_path)
    assert said.stdout == f"{alone.name}.html\n"
    assert [path.name for path in Path().iterdir()] == [f"{alone.name}.html"]


def test_a_dash_is_the_page_on_stdout(toolrec: Run, explored: Path) -> None:
    said = toolrec("report", "--user", "42", "--out", "-", "-w", explored)
    assert said.stdout.startswith("<!doctype html>")
    assert said.stderr == ""
    assert toolrec("report", "--user", "42", "--out", "-", "-w", explored).stdout == said.stdout
    both = toolrec("report", "--out", "-", "--json", "-w", explored)
    assert (both.returncode, both.stdout) == (2, "")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_page_on_stdout_is_utf_8_whatever_the_terminal_speaks(
    process: Run, environment: dict[str, str], alone: Path, encoding: str
) -> None:
    change(alone, subject="Amélie 題", versions={"toolrec": "題"})
    env = environment | {"PYTHONIOENCODING": encoding}
    said = process("report", "--user", "42", "--out", "-", "-w", alone.parents[1], env=env, encoding="utf-8")
    assert "toolrec 題" in parsed(said).words


def test_what_the_page_says_to_type_works_in_another_folder(
    toolrec: Run, explored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run in a workspace, and of one that was made by --out; both folders have a blank in their names."""
    workspace, out = (tmp_path / name for name in ("my work", "my run"))
    shutil.copytree(explored, workspace)
    shutil.copytree(explored / "runs" / run_name(explored, "recommend"), out)
    monkeypatch.chdir(tmp_path)
    pages = [parsed(toolrec("report", *run, "--out", "-", "-w", "my work")) for run in (["my run"], [])]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for page in pages:
        (check,) = re.findall(r"To check its record: toolrec (.* --verify --workspace '.*?')", page.words)
        said = toolrec(*shlex.split(check), "--user", "42")
        assert said.returncode == 0, said.stderr
        (others,) = re.findall(r"users; toolrec (.*?) --user ID shows others", page.words)
        assert "For user 7" in parsed(toolrec(*shlex.split(others), "--user", "7", "--out", "-")).words


def test_the_page_is_the_same_however_the_run_is_named(
    toolrec: Run, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = toolrec("report", alone, "--out", "-", "-w", alone.parents[1]).stdout
    monkeypatch.chdir(alone.parents[1])
    assert toolrec("report", f"runs/{alone.name}", "--out", "-").stdout == whole
    assert toolrec("report", "--out", "-").stdout == whole
    monkeypatch.chdir(alone)
    assert toolrec("report", ".", "--out", "-", "-w", "../..").stdout == whole


def test_the_run_one_is_in_has_its_name(toolrec: Run, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(alone)
    said = toolrec("report", ".")
    assert (said.returncode, said.stdout) == (0, f"{alone.name}.html\n")
    assert f"<title>{alone.name}</title>" in Path(f"{alone.name}.html").read_text(encoding="utf-8")


def test_beside_a_training_that_has_only_begun_the_newest_with_anything_to_show_is_shown(
    toolrec: Run, alone: Path
) -> None:
    begun = Path(shutil.copytree(alone, alone.with_name("begun")))
    for path in begun.iterdir():
        path.unlink() if path.name != "run.json" else None
    change(begun, verb="train-encoder", status="running", result={"attribute": "genre"}, started="2999")
    (begun / "metrics.jsonl").write_text('{"epoch": 1, "lo')
    shown = parsed(toolrec("report", "--out", "-", "-w", alone.parents[1]))
    assert "recommend on sample" in shown.words
    change(begun, status="done")
    (begun / "metrics.jsonl").unlink()
    assert "train-encoder on sample" in parsed(toolrec("report", "--out", "-", "-w", alone.parents[1])).words


def test_whoever_asks_for_a_user_gets_the_newest_run_that_explored_for_any(toolrec: Run, alone: Path) -> None:
    tuned = Path(shutil.copytree(alone, alone.with_name("tuned")))
    for path in tuned.iterdir():
        path.unlink() if path.name != "run.json" else None
    change(tuned, verb="tune", result={}, started="2999")
    assert "tune on sample" in parsed(toolrec("report", "--out", "-", "-w", alone.parents[1])).words
    asked = parsed(toolrec("report", "--user", "1", "--out", "-", "-w", alone.parents[1]))
    assert "recommend on sample" in asked.words
    assert "For user 1" in asked.words


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="has no place where nothing can be made")
def test_where_the_system_has_no_place_for_a_page_it_is_said(toolrec: Run, explored: Path) -> None:
    said = toolrec("report", "--out", "/proc/x.html", "-w", explored)
    assert (said.returncode, said.stdout) == (2, "")
    assert "/proc/x.html cannot be made." in said.stderr


def test_json_says_what_is_in_the_page(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    name, page = run_name(explored, "recommend"), tmp_path / "p.html"
    users = ["--user", "7", "--user", "42"]
    document = json.loads(toolrec("report", name, *users, "--out", page, "--json", "-w", explored).stdout)
    run = {"run": name, "verb": "recommend", "status": "done", "users": 80, "explored": ["7", "42"]}
    size = page.stat().st_size
    assert document == {"schema_version": 1, "page": str(page), "bytes": size, "runs": [run]}


def test_a_page_of_ours_is_replaced_and_nothing_else_is(toolrec: Run, explored: Path, tmp_path: Path) -> None:
    page, other = tmp_path / "page.html", tmp_path / "thesis.html"
    for _ in range(2):
        assert toolrec("report", "--out", page, "-w", explored).returncode == 0
    other.write_text("<!doctype html>\n<p>Five years.")
    said = toolrec("report", "--out", other, "-w", explored)
    assert (said.returncode, said.stdout) == (2, "")
    assert "is there already, and is no page of toolrec report." in said.stderr
    assert other.read_text() == "<!doctype html>\n<p>Five years."
    assert toolrec("report", "--out", tmp_path, "-w", explored).returncode == 2
    nowhere = toolrec("report", "--out", tmp_path / "no" / "p.html", "-w", explored)
    assert (nowhere.returncode, "does not exist" in nowhere.stderr) == (2, True)


def test_the_trace_on_the_page_is_the_one_that_replay_shows(toolrec: Run, explored: Path) -> None:
    """Every line that replay prints without frames stands on the page."""
    words = parsed(toolrec("report", "--user", "42", "--rows", "5", "--out", "-", "-w", explored)).words
    shown = toolrec("replay", "--user", "42", "--rows", "5", "--plain", "-w", explored).stdout
    lines = [line.partition(": ")[2] for line in shown.splitlines() if re.match(r"\d+ (thought|action|shown)", line)]
    assert len(lines) > 20
    for line in lines:
        said = line.partition(" ")[2] if re.match(r"\d+ ", line) else line  # an item: its id stands elsewhere
        assert " ".join(said.split()) in words
    for line in (line for line in shown.splitlines() if line.startswith("#")):
        place, _, rest = line[1:].split(" ", 2)
        title, marks = rest[:-1].rsplit(" (", 1)
        assert re.search(rf"{place} *{re.escape(title)}", words)
        assert marks.split(";")[0] in words


def test_of_many_users_the_first_are_shown_and_how_the_others_come_up(toolrec: Run, explored: Path) -> None:
    found = parsed(toolrec("report", "--out", "-", "-w", explored))
    assert sum(tag == "details" and ("class", "user") in attrs for tag, attrs in found.tags) == 20
    assert "20 of 80 users; toolrec report" in found.words
    assert "--user ID shows others" in found.words


def test_a_user_who_is_in_none_of_the_runs_gets_the_near_miss(toolrec: Run, explored: Path) -> None:
    said = toolrec("report", "--user", "420", "--out", "-", "-w", explored)
    assert (said.returncode, said.stdout) == (2, "")
    assert "There is no user '420'. Did you mean '" in said.stderr
    training = toolrec("report", run_name(explored, "pretrain"), "--user", "42", "--out", "-", "-w", explored)
    assert (training.returncode, "Nobody was explored for in" in training.stderr) == (2, True)


def test_a_misspelt_run_gets_the_near_miss(toolrec: Run, explored: Path) -> None:
    said = toolrec("report", run_name(explored, "recommend")[:-1], "--out", "-", "-w", explored)
    assert (said.returncode, said.stdout) == (3, "")
    assert "Did you mean" in said.stderr
    empty = toolrec("report", "--out", "-", "-w", explored / "datasets")
    assert (empty.returncode, "has anything to show" in empty.stderr) == (3, True)


def test_an_evaluation_an_ablation_and_trainings_on_one_page(toolrec: Run, workspace: Path) -> None:
    assert toolrec("eval", "--users", "20", "--groups", "-w", workspace).returncode == 0
    assert toolrec("eval", "--users", "20", "--ablate", "rank", "-w", workspace).returncode == 0
    verbs = ("eval", "ablate", "pretrain", "train-encoder")
    names = [run_name(workspace, verb) for verb in verbs]
    found = parsed(toolrec("report", *names, *names[:1], "--out", "-", "-w", workspace))
    assert [attrs for tag, attrs in found.tags if tag == "section"] == [(("id", f"run-{n}"),) for n in range(1, 5)]
    assert sum(tag == "svg" for tag, _ in found.tags) == 4
    report = json.loads((workspace / "runs" / names[0] / "report.json").read_text())
    for row in report["rows"]:
        each = row["metrics"]["ndcg@10"]
        assert f"{row['name']}{each['mean']:.4f}" in "".join(found.words.split()), "the plot's, and the table's"
        assert f"{each['mean']:.4f} [{each['low']:.3f}, {each['high']:.3f}]" in found.words
    assert "By history length; p corrected by Holm" in found.words
    assert "toolrec replay" in found.words
    assert "validation NDCG@10" in found.words


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_did_not_end_well_is_shown_as_what_it_is(toolrec: Run, alone: Path, status: str) -> None:
    change(alone, status=status, reason="x" * (status != "running"), result={}, outputs={}, finished=None)
    for name in ("rankings.parquet", "steps.parquet"):
        (alone / name).unlink()
    with (alone / "trajectories.jsonl").open("r+b") as log:
        lines = log.readlines()
        log.seek(0)
        log.write(b"".join(lines[:3]) + lines[3][:1000] * (status == "running"))
        log.truncate()
    found = parsed(toolrec("report", alone, "--out", "-", "-w", alone.parents[1]))
    assert sum(("class", "user") in attrs for _, attrs in found.tags) == 3
    assert "3 of 80" in found.words
    assert f"toolrec recommend --resume {alone} --workspace {alone.parents[1]}" in found.words
    one = parsed(toolrec("report", alone, "--user", "2", "--out", "-", "-w", alone.parents[1]))
    assert "For user 2" in one.words


def test_a_run_without_a_line_is_shown_too(toolrec: Run, alone: Path) -> None:
    for path in alone.iterdir():
        path.unlink() if path.name != "run.json" else None
    found = parsed(toolrec("report", alone, "--out", "-", "-w", alone.parents[1]))
    assert "recommend on sample" in found.words
    assert "Explorations" not in found.words


def test_what_is_newer_or_damaged_is_refused_by_name(toolrec: Run, workspace: Path, alone: Path) -> None:
    toolrec("eval", "--users", "5", "-w", workspace)
    run = workspace / "runs" / run_name(workspace, "eval")
    report = (run / "report.json").read_text()
    (run / "report.json").write_text(report.replace('"schema_version": 1', '"schema_version": 9'))
    newer = toolrec("report", run, "--out", "-", "-w", workspace)
    assert (newer.returncode, newer.stdout) == (3, "")
    assert "report.json has schema 9; this toolrec reads up to 1." in newer.stderr
    document = json.loads(report)
    no_ndcg = [row | {"metrics": {"hit@10": row["metrics"]["hit@10"]}} for row in document["rows"]]
    holed = (json.dumps(document | {"rows": rows}) for rows in ([], no_ndcg))
    for broken in (report[:500], "[]", '{"schema_version": 1}', '{"schema_version": "x"}', *holed):
        (run / "report.json").write_text(broken)
        said = toolrec("report", run, "--out", "-", "-w", workspace)
        assert (said.returncode, "report.json cannot be read" in said.stderr) == (3, True)
    change(alone, schema_version=9)
    newer = toolrec("report", alone, "--out", "-", "-w", alone.parents[1])
    assert (newer.returncode, "has manifest version 9" in newer.stderr) == (3, True)
    training = workspace / "runs" / run_name(workspace, "pretrain")
    with (training / "metrics.jsonl").open("a") as log:
        log.write('{"epoch": "three"}\n')
    said = toolrec("report", training, "--out", "-", "-w", workspace)
    assert (said.returncode, "line 3, is not an epoch of a training" in said.stderr) == (3, True)


def test_it_needs_neither_torch_nor_data_set_nor_models(process: Run, alone: Path) -> None:
    missing = ("torch", "safetensors", "openai")
    said = process("report", "--user", "42", "--out", "-", "-w", alone.parents[1], before=WITHOUT.format(names=missing))
    assert "For user 42" in parsed(said).words


def test_a_run_of_many_users_is_not_loaded(alone: Path) -> None:
    """Four hundred users more take no memory to speak of, named or not."""
    log = alone / "trajectories.jsonl"
    line = log.read_bytes().splitlines(keepends=True)[0]
    with log.open("wb") as file:
        for user in range(400):
            file.write(line.replace(b'"user_id":"1"', b'"user_id":"u%d"' % user, 1))
    assert log.stat().st_size > 4_000_000
    for users in (None, ["u399"]):
        tracemalloc.start()
        (told,) = gather(alone.parents[1], [str(alone)], users, 2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert [each.user_id for each in told.explored] == (users or ["u0", "u1"])
        assert peak < 2_500_000
