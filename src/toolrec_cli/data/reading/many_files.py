"""Which files a path means: one, all of a folder, or those that fit a pattern."""

import glob
import os
import re
from collections.abc import Collection
from pathlib import Path

from toolrec_cli.errors import InputError


def named_files(path: Path, endings: Collection[str]) -> dict[str, Path]:
    """Name -> file, in the order of the names, numbers in them by size ("part-2" before "part-10").

    A folder means all files in it and below that have one of the `endings`, perhaps gzipped, but for hidden ones and those
    that engines leave beside their parts ("_SUCCESS"). Raises InputError when there is none.
    """
    if path.is_dir():
        found = [each for each in path.rglob("*") if _is_part(each.relative_to(path), endings) and each.is_file()]
        if not found:
            raise InputError(
                f"There is no table in the folder {path}.", hint=f"Looked for: {', '.join(sorted(endings))}."
            )
    elif path.exists() or not glob.has_magic(str(path)):
        return {path.name: path}
    else:
        found = [Path(each) for each in glob.glob(str(path), recursive=True) if Path(each).is_file()]  # noqa: PTH207
        if not found:
            raise InputError(f"No file fits the pattern {str(path)!r}.")
    above = Path(os.path.commonpath([each.parent for each in found]))
    named = {each.relative_to(above).as_posix(): each for each in found}
    return {name: named[name] for name in sorted(named, key=_by_numbers)}


def _is_part(path: Path, endings: Collection[str]) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return not hidden and path.name.lower().removesuffix(".gz").endswith(tuple(endings))


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """ "part-10" -> [(0, "part-"), (10, "")]: a key that sorts texts as texts and numbers as numbers."""
    pieces = re.findall(r"(\D*)(\d*)", name)
    return [pair for text, digits in pieces for pair in ((-1, text), (int(digits or 0), digits))]
