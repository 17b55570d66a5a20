"""toolrec datasets: what can be prepared, what is, and what one looks like."""

import inspect
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import typer

from operations.five_users import five_users
from toolrec_cli.commands import datasets
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.operations.preparing import SOURCES

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the data set "five", prepared on a day of its own."""
    workspace = tmp_path_factory.mktemp("five")
    card = five_users(workspace).directory / "dataset.json"
    os.utime(card, (1_700_000_000, 1_700_000_000))
    return workspace


def rows(text: str) -> list[list[str]]:
    """The words of every line, so that widths do not matter."""
    return [line.split() for line in text.splitlines()]


def test_every_source_is_listed_with_its_address(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("datasets", "-w", tmp_path)
    assert said.returncode == 0
    assert said.stdout.startswith("Can be prepared: toolrec prep SOURCE")
    for name in SOURCES.names():
        source = SOURCES.get(name)
        assert re.search(rf"^{re.escape(name)} +\S", said.stdout, re.MULTILINE)
        if source.home is not None:
            assert f" {source.home}" in said.stdout


def test_in_an_empty_folder_the_first_command_is_said(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("datasets", "-w", tmp_path)
    assert said.stdout.endswith(f"\nNothing is prepared in {tmp_path}.\n")
    assert said.stderr == f"Next, for the built-in sample: toolrec prep -w {tmp_path}\n"
    assert list(tmp_path.iterdir()) == []


def test_what_is_prepared_is_listed_with_its_counts(toolrec: Run, five: Path) -> None:
    said = toolrec("datasets", "-w", five)
    title, header, line = said.stdout.splitlines()[-3:]
    assert title.strip() == f"Prepared in {five}"
    assert header.split() == [
        *("name", "source", "users", "items", "interactions", "size", "prepared"),
        *("trained", "on", "it"),
    ]
    n_bytes = sum(file.stat().st_size for file in (five / "datasets" / "five").iterdir())
    assert line.split() == ["five", "table", "5", "5", "12", f"{n_bytes / 1000:.1f}", "kB", "2023-11-14", "nothing"]
    assert said.stderr == f"Next: toolrec datasets show NAME -w {five}\n"


def test_what_is_trained_on_a_data_set_is_said(toolrec: Run, tiny_workspace: Path) -> None:
    line = toolrec("datasets", "-w", tiny_workspace).stdout.splitlines()[-1]
    assert line.split()[-3:] == ["sasrec:", "genre,", "release_year"]


def test_models_of_an_earlier_version_do_not_count(toolrec: Run, workspace: Path) -> None:
    card = workspace / "datasets" / "sample" / "dataset.json"
    card.write_text(card.read_text().replace(Dataset(card.parent).card.digest, "0" * 64))
    assert toolrec("datasets", "-w", workspace).stdout.split()[-1] == "nothing"


def test_json_of_the_list(toolrec: Run, five: Path) -> None:
    document = json.loads(toolrec("datasets", "--json", "-w", five).stdout)
    assert list(document) == ["workspace", "sources", "datasets", "schema_version"]
    assert document["schema_version"] == 1
    assert [source["name"] for source in document["sources"]] == SOURCES.names()
    ml_1m = SOURCES.get("ml-1m")
    assert {"name": "ml-1m", "about": ml_1m.about, "home": ml_1m.home} in document["sources"]
    (line,) = document["datasets"]
    assert line | {"n_bytes": 0} == {
        "name": "five",
        "source": "table",
        "counts": {"users": 5, "items": 5, "interactions": 12, "train": 8, "validation": 2, "test": 2},
        "n_bytes": 0,
        "prepared_at": "2023-11-14T22:13:20Z",
        "backbones": [],
        "encoders": [],
        "trained": [],
        "problem": None,
    }


def test_json_names_what_is_trained(toolrec: Run, tiny_workspace: Path) -> None:
    (line,) = json.loads(toolrec("datasets", "--json", "-w", tiny_workspace).stdout)["datasets"]
    assert (line["backbones"], line["encoders"]) == (["sasrec"], ["genre", "release_year"])


def test_what_is_trained_is_said_of_every_backbone(toolrec: Run, workspace: Path) -> None:
    """The newest has no encoder, as after another `pretrain`: what the one before has is not hidden by it."""
    (older,) = (workspace / "runs").glob("*-pretrain-sample-sasrec-*")
    newer = shutil.copytree(older, older.with_name("29990101T000000.000-pretrain-sample-bert4rec-0000"))
    manifest = json.loads((newer / "run.json").read_text())
    manifest |= {"subject": "sample-bert4rec", "started": "2999-01-01T00:00:00+00:00", "result": {"digest": "0" * 64}}
    (newer / "run.json").write_text(json.dumps(manifest))
    lines = toolrec("datasets", "-w", workspace).stdout.splitlines()[-2:]
    assert lines[0].split()[-1] == "bert4rec"
    assert lines[1].split() == ["sasrec:", "genre,", "release_year"]
    (line,) = json.loads(toolrec("datasets", "--json", "-w", workspace).stdout)["datasets"]
    assert (line["backbones"], line["encoders"]) == (["bert4rec", "sasrec"], ["genre", "release_year"])
    assert line["trained"] == [
        {"run": newer.name, "backbone": "bert4rec", "encoders": []},
        {"run": older.name, "backbone": "sasrec", "encoders": ["genre", "release_year"]},
    ]


def test_a_data_set_that_cannot_be_used_does_not_hide_the_others(toolrec: Run, five: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(five, tmp_path / "w"))
    for name, text in (("newer", '{"schema_version": 99}'), ("torn", '{"sch')):
        (workspace / "datasets" / name).mkdir()
        (workspace / "datasets" / name / "dataset.json").write_text(text)
    said = toolrec("datasets", "-w", workspace)
    assert said.returncode == 0
    assert said.stdout.splitlines()[-1].split()[0] == "five"
    assert "newer cannot be used: " in said.stderr
    assert "has schema version 99" in said.stderr
    assert "torn cannot be used: " in said.stderr
    lines = json.loads(toolrec("datasets", "--json", "-w", workspace).stdout)["datasets"]
    assert [(line["name"], line["problem"] is None) for line in lines] == [
        ("five", True),
        ("newer", False),
        ("torn", False),
    ]


def test_one_is_shown(toolrec: Run, five: Path) -> None:
    said = toolrec("datasets", "show", "five", "-w", five)
    assert said.returncode == 0
    assert "5 users · 5 items · 12 interactions · density 48.000%" in said.stdout
    assert "source table · leave-one-out: train 8 · validation 2 · test 2" in said.stdout
    assert said.stderr == f"Next: toolrec pretrain five -w {five}\n"


def test_the_only_one_need_not_be_named(toolrec: Run, five: Path) -> None:
    assert toolrec("datasets", "show", "-w", five).stdout == toolrec("datasets", "show", "five", "-w", five).stdout


def test_json_of_one_has_all_figures(toolrec: Run, five: Path) -> None:
    document = json.loads(toolrec("datasets", "show", "five", "--json", "-w", five).stdout)
    assert list(document) == [
        *("name", "source", "directory", "digest", "counts", "density", "split"),
        *("history_lengths", "popularity", "times", "ratings", "attributes", "notes", "schema_version"),
    ]
    assert document["schema_version"] == 1
    assert document["history_lengths"] == {
        "spread": {"minimum": 1, "lower_quartile": 2, "median": 2, "upper_quartile": 3, "maximum": 4, "mean": 2.4},
        "bins": [{"low": 1, "high": 1, "count": 1}, {"low": 2, "high": 4, "count": 4}],
    }
    assert list(document["popularity"]) == ["spread", "gini", "top", "curve"]
    assert document["times"]["periods"][1] == {"start": "2020-01-02T00:00:00Z", "count": 4}
    assert document["ratings"]["bins"][-1] == {"low": 5, "high": 5, "count": 4}
    genre = document["attributes"][0]
    assert (genre["name"], genre["kind"], genre["coverage"], genre["n_values"]) == ("genre", "multi-valued", 0.8, 3)
    assert genre["top"][0] == {"value": "a", "items": 3, "share": 0.75}


@pytest.mark.parametrize(
    "words", [["-w", "FIVE", "--json", "show", "five"], ["show", "five", "-w", "FIVE", "--json"], ["-w", "x", "show"]]
)
def test_options_count_before_and_after_show(toolrec: Run, five: Path, words: list[str]) -> None:
    """What is typed after `show` wins."""
    words = [str(five) if word == "FIVE" else word for word in words]
    if words[1] == "x":
        words += ["-w", str(five), "--json"]
    said = toolrec("datasets", *words)
    assert (said.returncode, json.loads(said.stdout)["name"]) == (0, "five")


def test_the_workspace_of_the_environment_counts(toolrec: Run, five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLREC_WORKSPACE", str(five))
    assert json.loads(toolrec("datasets", "show", "--json").stdout)["name"] == "five"
    monkeypatch.setenv("TOOLREC_WORKSPACE", "elsewhere")
    assert json.loads(toolrec("datasets", "-w", five, "show", "--json").stdout)["name"] == "five"


def test_top_says_how_many_values(toolrec: Run, five: Path) -> None:
    shown = json.loads(toolrec("datasets", "show", "--top", "1", "--json", "-w", five).stdout)
    assert [len(each["top"]) for each in shown["attributes"]] == [1, 0, 1, 0]


def test_what_is_piped_has_no_colour_and_fits_120_columns(process: Run, five: Path) -> None:
    said = process("datasets", "show", "five", "-w", five)
    assert said.returncode == 0
    assert "\x1b" not in said.stdout + said.stderr
    assert max(map(len, said.stdout.splitlines())) <= 120


def test_the_examples_of_show_parse() -> None:
    command: Any = typer.main.get_command(datasets.app)
    lines = re.findall(r"\[bold\]toolrec datasets show ([^\[]*)\[/bold\]", inspect.getdoc(datasets.show) or "")
    assert len(lines) == 2
    for line in lines:
        assert command.commands["show"].make_context("show", line.split()).params["name"] == "ml-1m"


MISTAKES = [
    ("show fiv", 3, ["The data set 'fiv' is not prepared. Did you mean 'five'?", "Prepared: five."]),
    ("show ml-1m", 3, ["The data set 'ml-1m' is not prepared.", "Type: toolrec prep ml-1m"]),
    ("show ml-1n", 3, ["is not prepared. Did you mean 'ml-1m'?", "Type: toolrec prep ml-1m"]),
    (
        "show nonsense",
        3,
        ["The data set 'nonsense' is not prepared.", "Prepared: five.", "listed by: toolrec datasets"],
    ),
    ("show ../five", 3, ["is not prepared."]),
    ("nonsense", 2, ["has no command 'nonsense'.", "Type: toolrec datasets show nonsense"]),
    ("shwo five", 2, ["No such command 'shwo'", "show"]),
    ("show --top 0", 2, ["--top"]),
    ("show --tpo 3", 2, ["No such option: --tpo"]),
    ("--jsn", 2, ["No such option: --jsn"]),
]


@pytest.mark.parametrize(("line", "code", "fragments"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_is_explained(
    toolrec: Run, five: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int, fragments: list[str]
) -> None:
    monkeypatch.setenv("TOOLREC_WORKSPACE", str(five))
    said = toolrec("datasets", *line.split())
    assert (said.returncode, said.stdout) == (code, "")
    for fragment in fragments:
        assert fragment in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr


def test_nothing_prepared_is_said_with_the_command(toolrec: Run, tmp_path: Path) -> None:
    said = toolrec("datasets", "show", "-w", tmp_path)
    assert (said.returncode, said.stdout) == (3, "")
    assert said.stderr == "Error: The data set 'sample' is not prepared.\nHint: Type: toolrec prep sample\n"
    said = toolrec("datasets", "show", "zebra", "-w", tmp_path)
    assert "Hint: Nothing is prepared yet. What can be prepared is listed by: toolrec datasets\n" in said.stderr


def test_several_and_none_named_is_a_question(toolrec: Run, five: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(five, tmp_path / "w"))
    shutil.copytree(workspace / "datasets" / "five", workspace / "datasets" / "other")
    said = toolrec("datasets", "show", "-w", workspace)
    assert (said.returncode, said.stdout) == (2, "")
    assert "Which data set? There is five, other." in said.stderr


@pytest.mark.parametrize("file", ["items.parquet", "interactions.parquet"])
def test_a_table_that_is_cut_off_is_named(toolrec: Run, five: Path, tmp_path: Path, file: str) -> None:
    workspace = Path(shutil.copytree(five, tmp_path / "w"))
    path = workspace / "datasets" / "five" / file
    path.write_bytes(path.read_bytes()[:-50])
    said = toolrec("datasets", "show", "-w", workspace)
    assert (said.returncode, said.stdout) == (3, "")
    assert f"{path} is missing or cut off" in said.stderr


def test_neither_needs_torch(process: Run, five: Path) -> None:
    watch = """
import atexit, sys
atexit.register(lambda: print("torch" in sys.modules, file=sys.stderr))
"""
    for words in (["datasets"], ["datasets", "show"]):
        said = process(*words, "-w", five, before=watch)
        assert (said.returncode, said.stderr.splitlines()[-1]) == (0, "False")
