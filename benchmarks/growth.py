"""How a training step grows: CPU-milliseconds a target and peak memory, by catalogue size and by history length.

    python benchmarks/backbones.py --growth

Invented histories, everybody's as long as the model reads; SASRec with its defaults (width 64, 2 layers), 32 sequences a step,
the loss that a catalogue of that size gets by default. One thread, a process of its own for each row, some seconds each.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
from ml_1m import machine
from torch import Tensor

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import store
from toolrec_cli.models.losses import chosen_loss, loss_of
from toolrec_cli.models.stepping import Stepper
from toolrec_cli.models.targets import target_windows
from toolrec_cli.models.windows import IntArray

CATALOGUES = (3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LENGTHS = (50, 100, 200, 400)
ITEMS, LENGTH = 3_000, 200
"""What stays while the other grows."""
SECONDS, BATCH, BATCHES = 3.0, 32, 4


@dataclass(frozen=True)
class Step:
    """What training steps took: `optimiser_ms` of a step are the optimiser's, which walks over the whole item table."""

    n_items: int
    length: int
    loss: str
    ms_a_target: float
    optimiser_ms: float
    peak_mib: float


def measured(n_items: int, length: int) -> Step:
    """Steps for some CPU-seconds, after one to warm up."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng, n_users = np.random.default_rng(1), BATCH * BATCHES
    items = rng.integers(1, n_items + 1, n_users * (length + 1), dtype=np.int32)
    histories = Interactions(np.arange(0, len(items) + 1, length + 1), items, None, None)
    cut = target_windows(histories, length, "newest")
    model = store.build_backbone("sasrec", {"n_items": n_items, "max_length": length}).train()
    name = chosen_loss("auto", n_items)
    of = loss_of(name)

    def loss(rows: IntArray) -> tuple[Tensor, int]:
        states, wanted = model.examples(cut.lessons(rows))
        return of(states, model.item_vectors, wanted), len(wanted)

    stepper = Stepper(model, loss, 1e-3, 0.01, lambda _: 1.0)
    stepper.step(np.arange(BATCH), "in the warm-up")
    done, targets, started = 0, 0, time.process_time()
    while time.process_time() - started < SECONDS or not done:
        begin = BATCH * (done % BATCHES)
        targets += stepper.step(np.arange(begin, begin + BATCH), f"at step {done}")[1]
        done += 1
    spent = time.process_time() - started
    started = time.process_time()
    stepper.optimiser.step()
    walk = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Step(n_items, length, name, 1000 * spent / targets, 1000 * walk, peak)


def row(n_items: int, length: int) -> str:
    """One row of the table, measured in a process of its own."""
    argv = [sys.executable, __file__, str(n_items), str(length)]
    found = Step(**json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout))
    print(found, file=sys.stderr, flush=True)
    cells = (
        f"{found.n_items:,}",
        f"{found.length}",
        found.loss,
        f"{found.ms_a_target:.3f}",
        f"{found.optimiser_ms:,.1f}",
        f"{found.peak_mib:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def growth() -> str:
    """Both tables in one, in Markdown."""
    sizes = [(n_items, LENGTH) for n_items in CATALOGUES] + [(ITEMS, length) for length in LENGTHS if length != LENGTH]
    head = "| items | history | loss | CPU-ms a target | of a step, optimiser's CPU-ms | peak MiB |"
    return "\n".join([head, "|--:|--:|---|--:|--:|--:|", *(row(*size) for size in sizes), "", machine()])


if __name__ == "__main__":
    print(json.dumps(asdict(measured(int(sys.argv[1]), int(sys.argv[2])))))
