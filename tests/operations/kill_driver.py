"""Run by test_killed_runs.py: imports everything, then makes every line of JSON on stdin a toolrec in a forked process.

A line: {"words": […], "out": PATH, "err": PATH, "slow": seconds a user, "clock": seconds by which it errs, "limit": bytes
a file may have, as on a full disk, "modest": without root's right to write where it must not}. Its answer is the pid. Or
{"wait": pid}, answered with the exit code.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2  # noqa: F401
import openai  # noqa: F401
import polars  # noqa: F401
import torch

from toolrec_cli import app
from toolrec_cli.agent.loop import Explorer
from toolrec_cli.llm.providers import client, presets  # noqa: F401
from toolrec_cli.operations import evaluating, exploring  # noqa: F401
from toolrec_cli.storage import run_dir

CAP_DAC_OVERRIDE, LINUX_CAPABILITY_VERSION_3 = 1, 0x20080522


def slow_down(seconds: float) -> None:
    explore = Explorer.explore

    def slowly(*args: Any) -> Any:
        time.sleep(seconds)
        return explore(*args)

    Explorer.explore = slowly  # type: ignore[method-assign]


def shift_clock(seconds: float) -> None:
    then = timedelta(seconds=seconds)
    run_dir._now = lambda: (datetime.now(UTC) + then).isoformat(timespec="milliseconds")


def give_up_roots_right() -> None:
    """Drop CAP_DAC_OVERRIDE, so that permissions hold for root too."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data) == 0:
        for place in (0, 1, 2):
            data[place] &= ~(1 << CAP_DAC_OVERRIDE)
        libc.capset(header, data)


def toolrec(asked: dict[str, Any]) -> None:
    """The life of a forked process."""
    for descriptor, path in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    torch.set_num_threads(1)
    slow_down(asked["slow"])
    shift_clock(asked["clock"])
    if asked["limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], asked["limit"]))
    if asked["modest"]:
        give_up_roots_right()
    sys.argv = ["toolrec", *asked["words"]]
    app.main()


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                return toolrec(asked)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
