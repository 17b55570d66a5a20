"""Ten million users and a million items through the verbs on one machine: seconds, peak memory, and the rate of training.

    python benchmarks/scale.py [--millions 80] [--seconds 120] [--batch-size 2048] [--folder DIR]

The log is the one of benchmarks/prep.py (an eighth as many users as rows, an eightieth as many items), none left out. Training is
begun, watched for --seconds and stopped. What `recommend` needs does not depend on what the weights are: they are untrained.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from prep import machine, make_log

NAME = "huge"


@dataclass(frozen=True)
class Measured:
    """One step, as a process of its own: seconds by the clock, of processor time, peak memory in MiB, its last words."""

    what: str
    wall: float
    cpu: float
    peak: float
    said: str


def measured(what: str, *words: str) -> Measured:
    """Run a step to its end."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([sys.executable, *words], stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        said = out.read().decode().strip().splitlines()
    if status:
        raise SystemExit(f"{what} ended with status {os.waitstatus_to_exitcode(status)}")
    wall, cpu = time.perf_counter() - begun, used.ru_utime + used.ru_stime
    return Measured(what, wall, cpu, used.ru_maxrss / 1024, said[-1] if said else "")


def begin_training(folder: Path, seconds: float, batch_size: int) -> None:
    """Begin an epoch, say how far it came."""
    from toolrec_cli.data.dataset import Dataset
    from toolrec_cli.models.training import TrainingSettings
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.training import BackbonePlan, pretrain

    begun, last = 0.0, ""

    def progress(what: str, done: int, total: int, note: str | float = "") -> None:
        nonlocal begun, last
        if what == "training":
            begun = begun or time.perf_counter()
            last = f"{done:,} of {total:,} steps; {note}"
            if time.perf_counter() - begun > seconds:
                raise KeyboardInterrupt

    plan = BackbonePlan(training=TrainingSettings(epochs=1, batch_size=batch_size))
    try:
        pretrain(Setting(folder), Dataset(folder / "datasets" / NAME), plan, progress=progress)
    except KeyboardInterrupt:
        print(last)


def keep_untrained(folder: Path) -> None:
    """A run with a backbone as it is before training."""
    from dataclasses import replace

    from toolrec_cli.data.dataset import Dataset
    from toolrec_cli.models import store
    from toolrec_cli.models.checkpoint import ModelCard, read_card, save
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.operations.training import BackbonePlan, fresh_backbone
    from toolrec_cli.storage.run_dir import recording

    dataset, setting = Dataset(folder / "datasets" / NAME), Setting(folder)
    model = fresh_backbone(BackbonePlan(), dataset)
    card = ModelCard("backbone", "sasrec", store.settings_of(model), NAME, dataset.card.digest, 0)
    with recording(setting.runs, setting.manifest("pretrain", NAME, dataset)) as run:
        save(
            run.path / "model",
            replace(card, n_parameters=sum(p.numel() for p in model.parameters())),
            model.state_dict(),
        )
        run.update(result={"digest": read_card(run.path / "model").digest})


def main() -> None:
    """Each step, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    if arguments.only == "train":
        begin_training(folder, arguments.seconds, arguments.batch_size)
    elif arguments.only == "untrained":
        keep_untrained(folder)
    else:
        print(table(folder, arguments))


def table(folder: Path, arguments: argparse.Namespace) -> str:
    """Everything in turn, as Markdown."""
    log, here = folder / f"log-{arguments.millions}.parquet", ["--workspace", str(folder)]
    if not log.exists():
        make_log(log, arguments.millions * 1_000_000)
    toolrec = ("-m", "toolrec_cli")
    prep = measured(
        "prep table", *toolrec, "prep", "table", "--interactions", str(log), "--name", NAME, "--force", *here
    )
    show = measured("datasets show", *toolrec, "datasets", "show", NAME, "--json", *here)
    own = [
        __file__,
        "--folder",
        str(folder),
        "--seconds",
        str(arguments.seconds),
        "--batch-size",
        str(arguments.batch_size),
    ]
    train = measured("pretrain, begun", *own, "--only", "train")
    measured("untrained", *own, "--only", "untrained")
    one = measured("recommend, one user", *toolrec, "recommend", NAME, "--user", "A000000000042", *here)
    lines = ["| step | wall s | CPU s | peak MiB |", "|---|--:|--:|--:|"]
    lines += [f"| {m.what} | {m.wall:,.1f} | {m.cpu:,.1f} | {m.peak:,.0f} |" for m in (prep, show, train, one)]
    return "\n".join([*lines, "", f"Training, stopped after {arguments.seconds:.0f} s: {train.said}.", machine()])


if __name__ == "__main__":
    main()
