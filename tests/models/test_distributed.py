"""Several processes that learn from a batch together learn what one does; who is left alone is told so."""

import json
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolrec_cli.errors import CheckError, UsageError, WorkerLost
from toolrec_cli.models.distributed import LAUNCHED, Ranks
from toolrec_cli.models.stepping import Stepper
from toolrec_cli.models.windows import IntArray

forks = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")

BATCHES = [np.arange(7), np.array([3]), np.arange(2, 12), np.array([5, 0])]
"""In two processes, of the second and the last batch one of them has nothing, or nothing to learn."""


class Line(nn.Module):
    """A slope and an offset that are fitted to y = 3 x + 1 in double precision; row r has r targets."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        self.offset = nn.Parameter(torch.zeros(2, dtype=torch.float64))

    def loss(self, rows: IntArray) -> tuple[Tensor, int]:
        x = torch.from_numpy(np.repeat(rows, rows)).double()
        if not len(x):
            return self.slope * 0, 0
        return ((self.slope * x + self.offset.sum() - 3 * x - 1) ** 2).mean(), len(x)


def trained(ranks: Ranks, loss: Callable[[Line, IntArray], tuple[Tensor, int]] = Line.loss) -> list[Any]:
    """The numbers after every step."""
    line = Line()
    stepper = Stepper(line, lambda rows: loss(line, rows), 0.1, 0.01, lambda step: 1.0, ranks)
    seen: list[Any] = []
    for rows in BATCHES:
        mean, n = stepper.step(rows, "here")
        seen.append([mean, n, line.slope.item(), *line.offset.tolist()])
    return seen


def in_processes(size: int, work: Callable[[Ranks], Any], folder: Path) -> list[Any]:
    """What `work` gives in each of so many processes; the name of what it raises."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def live(rank: int) -> None:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": str(size)}
        ranks = Ranks(rank, size, rank, size)
        try:
            with ranks.together(torch.device("cpu")):
                found = work(ranks)
        except (CheckError, WorkerLost) as error:
            found = type(error).__name__
        (folder / f"{rank}.json").write_text(json.dumps(found))
        os._exit(0)

    started = [multiprocessing.get_context("fork").Process(target=live, args=(rank,)) for rank in range(size)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
        assert process.exitcode is not None
    files = [folder / f"{rank}.json" for rank in range(size)]
    return [json.loads(file.read_text()) if file.exists() else None for file in files]


@forks
@pytest.mark.parametrize("size", [2, 3])
def test_several_processes_learn_what_one_learns(size: int, tmp_path: Path) -> None:
    alone = trained(Ranks())
    found = in_processes(size, trained, tmp_path)
    assert all(each == found[0] for each in found)
    np.testing.assert_allclose(found[0], alone, rtol=1e-12)


@forks
def test_halves_of_a_share_teach_the_same(tmp_path: Path) -> None:
    def short_of_memory(ranks: Ranks) -> Any:
        def loss(line: Line, rows: IntArray) -> tuple[Tensor, int]:
            if ranks.rank == 1 and len(rows) > 3:
                raise torch.OutOfMemoryError
            return line.loss(rows)

        return trained(ranks, loss)

    np.testing.assert_allclose(in_processes(2, short_of_memory, tmp_path)[0], trained(Ranks()), rtol=1e-12)


@forks
def test_a_loss_that_is_no_number_in_one_process_stops_all(tmp_path: Path) -> None:
    def ruined(ranks: Ranks) -> Any:
        def loss(line: Line, rows: IntArray) -> tuple[Tensor, int]:
            found, n = line.loss(rows)
            return (found * torch.nan if ranks.rank == 1 else found), n

        return trained(ranks, loss)

    assert in_processes(2, ruined, tmp_path) == ["CheckError", "CheckError"]


@forks
def test_a_process_that_is_gone_is_noticed(tmp_path: Path) -> None:
    def work(ranks: Ranks) -> Any:
        if ranks.rank == 1:
            os._exit(1)
        return trained(ranks)

    assert in_processes(2, work, tmp_path) == ["WorkerLost", None]


@forks
def test_all_agree_on_what_the_first_finds_and_know_what_it_took(tmp_path: Path) -> None:
    def work(ranks: Ranks) -> Any:
        before = ranks.others_cpu
        sum(range(2_000_000))
        value = ranks.agreed(0.25 if ranks.first else None, torch.device("cpu"))
        return [value, before, ranks.others_cpu > 0]

    assert in_processes(2, work, tmp_path) == [[0.25, 0.0, True], [0.25, 0.0, True]]


def test_torchrun_says_who_one_is() -> None:
    said = {LAUNCHED: "x", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    ranks = Ranks.of(said)
    assert (ranks.rank, ranks.size, ranks.local_rank, ranks.here) == (5, 8, 1, 4)
    assert (ranks.first, ranks.alone) == (False, False)
    assert ranks.launch == "torchrun --nproc-per-node 4 -m toolrec_cli"
    assert Ranks.of({"WORLD_SIZE": "8", "RANK": "5"}) == Ranks()  # a scheduler's, not torchrun's


def test_the_shares_of_a_batch_are_the_batch() -> None:
    rows = np.arange(10)
    shares = [Ranks(rank, 3).share(rows).tolist() for rank in range(3)]
    assert sorted(row for share in shares for row in share) == rows.tolist()
    assert Ranks().share(rows) is rows


def test_an_accelerator_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(UsageError, match="Several processes cannot train on mps"):
        Ranks(0, 2).join(torch.device("mps"))
