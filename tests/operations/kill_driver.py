"""Run by test_kill.py as a process of its own: toolrec, with a surrogate that takes its time, so that there is time to be killed.

python kill_driver.py MILLISECONDS WORD… ; KILL_FILE_LIMIT bounds every file it writes, in bytes, as a full disk would;
KILL_CLOCK shifts its clock by so many seconds; KILL_MODEST gives up root's right to write where it must not.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from datetime import UTC, datetime, timedelta

from toolrec_cli.agent.loop import Explorer
from toolrec_cli.storage import run_dir

CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


def slow_down(seconds: float) -> None:
    explore = Explorer.explore

    def slowly(*args):  # type: ignore[no-untyped-def]
        time.sleep(seconds)
        return explore(*args)

    Explorer.explore = slowly  # type: ignore[method-assign]


def shift_clock(seconds: float) -> None:
    then = timedelta(seconds=seconds)
    run_dir._now = lambda: (datetime.now(UTC) + then).isoformat(timespec="milliseconds")


def main() -> None:
    if "KILL_MODEST" in os.environ and not sys.flags.isolated:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
        os.execv(sys.executable, [sys.executable, "-I", *sys.argv])
    slow_down(float(sys.argv[1]) / 1000)
    if "KILL_CLOCK" in os.environ:
        shift_clock(float(os.environ["KILL_CLOCK"]))
    if "KILL_FILE_LIMIT" in os.environ:
        limit = int(os.environ["KILL_FILE_LIMIT"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    from toolrec_cli import app

    sys.argv = ["toolrec", *sys.argv[2:]]
    app.main()


if __name__ == "__main__":
    main()
