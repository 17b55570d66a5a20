"""A catalogue whose titles and labels strangers wrote to do harm, from its files to the screen: nothing is broken by them."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest

from agent.hostile import HOSTILE
from render.parsed import Parsed
from toolrec_cli.testing import LoopbackServer
from toolrec_cli.testing.surrogate import PlayedSurrogate
from toolrec_cli.unseen import clean

Run = Callable[..., CompletedProcess[str]]
SMALL = ["--epochs", "1", "--embedding-size", "8", "--threads", "1"]
N_ITEMS, N_USERS = 80, 12


@pytest.fixture
def hostile(toolrec: Run, tmp_path: Path) -> Path:
    """A workspace with eighty items: each hostile text is a title and a label; a backbone and a tool for the labels."""
    ids = [f"i{number}" for number in range(N_ITEMS)]
    titles = [HOSTILE[number] if number < 40 else f"Tame {number}" for number in range(N_ITEMS)]
    labels = [HOSTILE[number % 40][:300].strip() or "blank" for number in range(N_ITEMS)]
    items = pl.DataFrame({"item_id": ids, "title": titles, "maker": labels})
    met = [(f"u{user}", ids[(7 * user + 3 * place) % N_ITEMS], place) for user in range(N_USERS) for place in range(9)]
    items.write_parquet(tmp_path / "items.parquet")
    pl.DataFrame(met, schema=["user_id", "item_id", "time"], orient="row").write_parquet(tmp_path / "met.parquet")
    files = ["--interactions", tmp_path / "met.parquet", "--items", tmp_path / "items.parquet"]
    workspace = tmp_path / "workspace"
    for words in (
        ["prep", "table", *files, "--name", "hostile", "--kind", "maker=categorical", "--skip-bad"],
        ["pretrain", "hostile", *SMALL],
        ["train-encoder", "hostile", "--attr", "maker", "--no-controls", *SMALL],
    ):
        said = toolrec(*words, "-w", workspace)
        assert said.returncode == 0, said.stderr
        assert_whole(said)
    return workspace


def assert_whole(said: CompletedProcess[str]) -> None:
    """Nothing that moves a cursor, turns a line round or hides in it."""
    unseen = [c for c in said.stdout + said.stderr if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c != "\n"]
    assert unseen == []


def assert_page_is_whole(said: CompletedProcess[str]) -> None:
    """Tags and attributes are those of the program, and what the strangers wrote is there, as text."""
    assert said.returncode == 0, said.stderr
    assert_whole(CompletedProcess([], 0, said.stdout, said.stderr))
    found = Parsed(said.stdout)
    assert found.is_closed
    assert not {tag for tag, _ in found.tags} & {"script", "img", "b>", "iframe", "system", "tool_call"}
    assert {name for _, attrs in found.tags for name, _ in attrs} <= {
        *("lang", "charset", "name", "content", "http-equiv", "id", "class", "scope", "open", "href")
    }
    shown = [title for title in HOSTILE if (text := " ".join(clean(title[:300]).split())) and text in found.words]
    assert len(shown) > 30, "else few of the hostile were shown"
    assert any("<" in title for title in shown)


def test_a_whole_run_over_hostile_titles(toolrec: Run, hostile: Path) -> None:
    run = hostile / "r"
    with LoopbackServer(PlayedSurrogate()) as server:
        words = ["--model", "played", "--base-url", server.base_url, "-w", hostile]
        said = toolrec("recommend", "hostile", "--users", str(N_USERS), "--out", run, *words)
        one = toolrec("recommend", "hostile", "--user", "u3", "--trace", *words)
        asked = [message for each in server.received for message in each.body["messages"] if message["role"] == "user"]
    others = [
        toolrec("replay", run, "--all", "-w", hostile),
        toolrec("datasets", "show", "hostile", "-w", hostile),
        toolrec("recommend", "hostile", "--user", "u3", "--trace", "-w", hostile),
    ]
    for each in (said, one, *others):
        assert each.returncode == 0, each.stderr
        assert_whole(each)
    assert_page_is_whole(toolrec("report", run, "--rows", "100", "--out", "-", "-w", hostile))
    statuses = pl.read_parquet(run / "rankings.parquet").group_by("user_id").agg(pl.col("item_id").n_unique())
    assert statuses["item_id"].to_list() == [10] * N_USERS
    for message in asked:
        lines = message["content"].split("\n")
        assert not any(sign in message["content"] for sign in ("<", ">", "`", "[/INST]", "\x1b", "\u202e"))
        assert all({"id", "title"} <= json.loads(line).keys() for line in lines if line.startswith("{"))
        assert sum(line.startswith("Round ") for line in lines) <= 1
    told = {json.loads(line)["id"] for m in asked for line in m["content"].split("\n") if line.startswith("{")}
    assert len(told & {f"i{number}" for number in range(40)}) > 30, "else few of the hostile were told"
