"""toolrec in processes of their own that can be killed; and what is on record of a run that was."""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import Any

DRIVER = Path(__file__).parent / "kill_driver.py"
KILLS = int(os.environ.get("KILLS", "0"))
"""How many moments; 0: as many as take some seconds."""
SEED = int(os.environ.get("KILL_SEED", "7"))
SLOW = 0.004
"""Seconds a user takes beyond what he takes, so that there is time to be killed."""
ENDS = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}
"""Exit code by signal."""


KILLED = "killed"
"""The property by which a test tells what it did, for the table at the end: a dict of names and numbers."""


def moments(default: int) -> list[tuple[int, str, float]]:
    """Number, signal and how far the run is by then (0 to 1), drawn by the seed."""
    drawn = random.Random(SEED)
    kinds = list(ENDS)
    return [(n, kinds[n % 3], drawn.random()) for n in range(KILLS or default)]


class Child:
    """toolrec as a process of its own."""

    def __init__(self, zygote: "Zygote", pid: int, out: Path, err: Path) -> None:
        self._zygote, self.pid, self._out, self._err = zygote, pid, out, err

    @property
    def running(self) -> bool:
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> CompletedProcess[str]:
        """Wait for its end."""
        code = self._zygote.say(wait=self.pid)
        return CompletedProcess([], code, self._out.read_text(), self._err.read_text())


class Zygote:
    """Forks toolrec from a process that has imported everything: a start costs some hundredths of a second."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._n = folder, 0
        self._process = Popen([sys.executable, str(DRIVER)], stdin=PIPE, stdout=PIPE, text=True)

    def say(self, **asked: Any) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(
        self, *words: str | Path, slow: float = SLOW, clock: float = 0, limit: int = 0, modest: bool = False
    ) -> Child:
        self._n += 1
        out, err = self._folder / f"{self._n}.out", self._folder / f"{self._n}.err"
        asked = {"words": list(map(str, words)), "out": str(out), "err": str(err)}
        return Child(self, self.say(**asked, slow=slow, clock=clock, limit=limit, modest=modest), out, err)

    def call(self, *words: str | Path, **how: Any) -> CompletedProcess[str]:
        return self.start(*words, **{"slow": 0, **how}).end()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def until(condition: Callable[[], bool], child: Child) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert child.running, child.end()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def on_record(run: Path) -> list[str]:
    """The ids on whole lines."""
    log = run / "trajectories.jsonl"
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    return [json.loads(line)["user_id"] for line in lines]


def len_of(run: Path) -> int:
    log = run / "trajectories.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0
