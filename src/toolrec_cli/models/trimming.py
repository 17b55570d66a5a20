"""Memory that the C library holds back for later, given to the system again: batches of many widths leave holes behind."""

import ctypes
from collections.abc import Callable
from typing import Any


def _found() -> Callable[[int], Any] | None:
    try:
        return ctypes.CDLL(None).malloc_trim  # glibc's; others have none
    except (AttributeError, OSError, TypeError):
        return None


_malloc_trim = _found()


def trim() -> None:
    """Give back what is free, which takes milliseconds; where this C library cannot, nothing happens."""
    if _malloc_trim is not None:
        _malloc_trim(0)
