"""SHA-256 of files, by which data sets, models and runs name one another."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_digest(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def joint_digest(digests: Iterable[str]) -> str:
    """One digest for several, in the order given."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
