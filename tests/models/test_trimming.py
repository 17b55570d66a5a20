"""What was freed goes back to the system, where the C library can."""

import subprocess
import sys

import pytest

from toolrec_cli.models import trimming

HOLES = """
import numpy as np
from toolrec_cli.models.trimming import trim

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

begun = held()
blocks = [np.ones(12_000) for _ in range(4000)]  # 96 kB each, too small to be mapped on their own
top = [np.ones(12_000)]  # above them all, so that none of them leaves by itself
full = held() - begun
del blocks
before = held() - begun
trim()
print(full, before, held() - begun)
"""


def test_holes_are_given_back() -> None:
    if trimming._malloc_trim is None or not sys.platform.startswith("linux"):
        pytest.skip("this C library gives nothing back")
    said = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True).stdout
    full, before, after = map(float, said.split())
    assert full > 300
    assert before > 300
    assert after < 50


def test_a_c_library_that_cannot_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that can is asked to leave nothing for later."""
    asked: list[int] = []
    monkeypatch.setattr(trimming, "_malloc_trim", asked.append)
    trimming.trim()
    monkeypatch.setattr(trimming, "_malloc_trim", None)
    trimming.trim()
    assert asked == [0]


def test_where_there_is_no_such_function_none_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming.ctypes, "CDLL", lambda _: object())
    assert trimming._found() is None
