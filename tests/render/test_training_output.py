"""How a training ended, in plain characters."""

from pathlib import Path

import pytest

from toolrec_cli.render.training import learning_curve, print_tuned, share
from toolrec_cli.storage.run_dir import Manifest, RunDir


@pytest.mark.parametrize("ndcgs", [[], [0.1], [0.1, 0.2]])
def test_two_epochs_are_no_curve(ndcgs: list[float]) -> None:
    assert learning_curve(ndcgs) == []


def test_a_curve_with_its_highest_and_lowest_value() -> None:
    drawn = learning_curve([0.1, 0.15, 0.2])
    assert len(drawn) == 5
    assert drawn[0].startswith("0.2000 ")
    assert drawn[-1].startswith("0.1000 ")
    assert len({len(line) for line in drawn}) == 1


def test_a_training_that_learnt_nothing_is_flat() -> None:
    drawn = learning_curve([0.1] * 4)
    assert all(set(line[7:]) == {"⠀"} for line in drawn[:-1])


def test_what_tuning_learned_is_said_a_fact_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_tuned(_tuned(tmp_path), as_json=False, following="toolrec eval films")
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        str(tmp_path),
        "Learned from 4,150 of 6,040 users: those whose validation item was among the candidates. 2,000 weights.",
        "Tried on 423 of these, by a ranker that had not learned from them:",
        "  NDCG@10 among the candidates: backbone 0.2500, tuned 0.3000 (+20.0%)",
        "  difference +0.0500, 95 % interval [+0.0100, +0.0900]",
    ]
    assert "Next: toolrec eval films" in said.err


def _tuned(path: Path) -> RunDir:
    result = {
        "users": 6040,
        "users_with_their_item_among_the_candidates": 4150,
        "held_back_ndcg@10": 0.3,
        "backbone_ndcg@10": 0.25,
        "users_scored": 423,
        "gain": {"difference": 0.05, "low": 0.01, "high": 0.09},
        "too_few": False,
        "n_parameters": 2000,
    }
    return RunDir(path, Manifest("tune", "films", "films", "", {}, (), 42, {}, result=result))


def test_a_full_training_that_took_no_time_has_no_share_of_it() -> None:
    result = {"attribute": "genre", "full": True, "cpu_seconds": 0.0, "n_parameters": 200}
    said = " ".join(
        share({**result, "beside": {"cpu_seconds": 0.0, "n_parameters": 50}})
        + share({**result, "cpu_seconds": 2.0, "beside": {"cpu_seconds": 0.5, "n_parameters": 50}})
    )
    assert share(result) == []
    assert "training took 25% of the parameters." in said
    assert "training took 25% of the CPU-seconds, and 25% of the parameters." in said
