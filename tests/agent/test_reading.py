"""Records of many users: only what is asked for is read to its end, and a record under way is read as far as it is whole."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.test_codec import EXPECTED
from toolrec_cli.agent.codec import encode, read_trajectories, read_users
from toolrec_cli.agent.trajectory import UNHEARD, Refused, Status, Step, Trajectory
from toolrec_cli.errors import InputError
from toolrec_cli.tools.protocol import Action


def line(user_id: str, n: int = 1) -> bytes:
    return encode(replace(EXPECTED, user_id=user_id, n=n))


def unheard(user_id: str) -> Trajectory:
    steps = [Step("", Action(""), Refused("The server failed.", UNHEARD))]
    return replace(EXPECTED, user_id=user_id, steps=steps, status=Status.FAILED, ranking=())


def written(path: Path, *lines: bytes) -> Path:
    log = path / "trajectories.jsonl"
    log.write_bytes(b"".join(lines))
    return log


def test_others_lines_are_not_read_to_their_end(tmp_path: Path) -> None:
    others = line("other")
    log = written(
        tmp_path, others[:60] + b"\n", line("mine"), others.replace(b'"schema_version":2', b'"schema_version":99')
    )
    found, there = read_users(log, ["mine", "nobody"])
    assert (list(found), there) == (["mine"], ["other", "mine"])
    with pytest.raises(InputError, match="line 1, is not a recorded trajectory"):
        read_users(log, ["other"])


def test_of_two_lines_of_a_user_the_later_counts(tmp_path: Path) -> None:
    log = written(tmp_path, encode(unheard("a")), line("b"), line("a", n=7))
    found, there = read_users(log, ["a"])
    assert (found["a"].n, found["a"].status, there) == (7, Status.FINISHED, ["a", "b"])
    assert [each.user_id for each in read_trajectories(log)] == ["b", "a"]


def test_of_a_run_under_way_a_line_that_is_not_whole_is_passed_over(tmp_path: Path) -> None:
    for torn in (line("c")[:-1], line("c")[:200], line("c")[:5]):
        log = written(tmp_path, line("a"), line("b"), torn)
        assert [each.user_id for each in read_trajectories(log, under_way=True)] == ["a", "b"]
        found, there = read_users(log, ["c", "a"], under_way=True)
        assert (list(found), there) == (["a"], ["a", "b"])


def test_else_it_is_refused(tmp_path: Path) -> None:
    log = written(tmp_path, line("a"), line("b")[:200])
    with pytest.raises(InputError, match="line 2, is not a recorded trajectory"):
        list(read_trajectories(log))
    with pytest.raises(InputError, match="line 2, is not a recorded trajectory"):
        read_users(log, ["b"])


def test_a_line_that_is_not_whole_takes_nobodys_place(tmp_path: Path) -> None:
    """Somebody whom the server failed is asked again, and the run is killed while the new line is written."""
    log = written(tmp_path, encode(unheard("a")), line("b"), line("a")[:200])
    assert [each.user_id for each in read_trajectories(log, under_way=True)] == ["a", "b"]
