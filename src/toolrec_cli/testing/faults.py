"""Faults drawn by a seed: the same requests meet the same faults, whatever order they come in."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from toolrec_cli.seeds import stream_seed
from toolrec_cli.testing.replies import Fault, Script, Scripted


def seeded(script: Script, shares: Mapping[Fault, float], seed: int = 7) -> Script:
    """`script`, but a share of the requests (each Fault its own, together at most 1) ends in a fault.

    What a request meets depends on its body, on how often that body came, and on `seed`: a repetition draws again.
    """
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def flaky(asked: dict[str, Any]) -> Scripted:
        body = json.dumps(asked, sort_keys=True)
        with lock:
            seen[body] += 1
            time = seen[body]
        fault = _drawn(shares, stream_seed(seed, body, time) / 2**63)
        reply = script(asked)
        return replace(reply, fault=fault) if fault else reply

    return flaky


def _drawn(shares: Mapping[Fault, float], point: float) -> Fault | None:
    """The fault on whose share of [0, 1) `point` lies; None beyond them all."""
    for fault, share in shares.items():
        if point < share:
            return fault
        point -= share
    return None
