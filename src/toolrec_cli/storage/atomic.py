"""Whole or absent: files and directories are built beside their place and renamed into it."""

import ctypes
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolrec_cli.errors import InputError

_HERE, _RENAME_EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of renameat2(2), which Python does not offer."""

_HIDDEN = re.compile(r"\(os error (\d+)\)")


@contextmanager
def unhidden(*kinds: type[Exception]) -> Generator[None]:
    """Libraries written in Rust wrap a full disk in an error of `kinds`, their own; this raises the OSError within."""
    try:
        yield
    except kinds as error:
        if not (found := _HIDDEN.search(str(error))):
            raise
        code = int(found[1])
        raise OSError(code, os.strerror(code)) from error


def _sync(path: Path) -> None:
    """Ask the system to put `path` (a file or a directory) on the disk now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield a temporary path beside `path`; what is written there takes its place at the end, or never."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def make_folder(folder: Path, *, exist_ok: bool = True) -> None:
    """Make `folder` and those above it. Raises InputError where the system has no place for one (/proc)."""
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileNotFoundError as error:
        raise InputError(f"{folder} cannot be made.", hint="Choose another --workspace or --out.") from error


@contextmanager
def building(directory: Path) -> Generator[Path]:
    """Yield a temporary directory beside `directory` that takes its place when the block ends well.

    An existing `directory` is replaced; on any exception (a full disk, Ctrl-C) it stays as it was.
    """
    make_folder(directory.parent)
    temporary = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.partial")
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        _swap(temporary, directory)
        _sync(directory.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary: Path, directory: Path) -> None:
    """Put `temporary` in the place of `directory`; the old one is removed only after the new one stands."""
    if not directory.exists():
        temporary.rename(directory)
        return
    if _exchange(temporary, directory):
        shutil.rmtree(temporary, ignore_errors=True)
        return
    old = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.old")
    directory.rename(old)
    try:
        temporary.rename(directory)
    except OSError:
        old.rename(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, so that no moment is without a directory. False where the system cannot (Linux can)."""
    swap = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if swap is None:
        return False
    return swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE) == 0
