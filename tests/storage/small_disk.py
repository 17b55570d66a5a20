"""A disk that is full, for real, after so many bytes."""

import resource
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def room_for(n_bytes: int) -> Generator[None]:
    """No file of this process may grow beyond so many bytes; writing more fails halfway: "File too large"."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
