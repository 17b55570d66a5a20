"""Whom a run asks: everybody, so many, or those a file names; of an evaluation, those with something to be found."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Part
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.seeds import stream

IntArray = npt.NDArray[np.int64]


def chosen(dataset: Dataset, word: str, seed: int, stdin: Iterable[str]) -> list[str]:
    """User ids for "all", a number (so many, drawn by the seed), "-" (`stdin`, an id a line) or a file's path (the same).

    In the data set's order, or the file's; nobody twice. Raises UsageError for a number below 1, for a file that is not
    there or names nobody, and for the first user who does not exist, with the near miss.
    """
    everybody: list[str] = dataset.users["user_id"].to_list()
    if word == "all":
        return everybody
    if word.removeprefix("-").isdecimal():
        if int(word) < 1:
            raise UsageError(f"--users takes a number above 0, all, a file or -; not {word!r}.")
        if int(word) >= len(everybody):
            return everybody
        drawn = stream(seed, "recommended users").choice(len(everybody), int(word), replace=False)
        return [everybody[user] for user in np.sort(drawn)]
    where = "the standard input" if word == "-" else word
    named = _named(stdin if word == "-" else _lines(Path(word)))
    if not named:
        raise UsageError(f"No user is named in {where}.", hint="One user id a line.")
    try:
        dataset.user_indices(named)
    except UsageError as error:
        raise UsageError(f"In {where}: {error.message}", hint=error.hint) from error
    return named


def scored(part: Part | None) -> Part:
    """The part of the split whose items are to be found. Raises UsageError where everything was told."""
    if part is None:
        raise UsageError("An evaluation needs a held-out part.", hint="Use --split test or --split validation.")
    return part


def drawn(dataset: Dataset, part: Part, n_users: int | None, seed: int) -> IntArray:
    """Who is evaluated (user_index): all with a held-out item, or so many, drawn by the seed. Raises InputError for nobody."""
    possible = dataset.users_with(part)
    if not len(possible):
        raise InputError(
            "Nobody in this data set has a held-out item.", hint="Each user needs at least 3 interactions."
        )
    if n_users is None or n_users >= len(possible):
        return possible
    return np.sort(stream(seed, "evaluated users").choice(possible, n_users, replace=False))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"--users takes a number, all, a file or -; {str(path)!r:.80} is no file that can be read ({reason}).",
            hint="One user id a line; a single user is --user ID.",
        ) from error


def _named(lines: Iterable[str]) -> list[str]:
    """The ids, each once, in the order they came."""
    return list(dict.fromkeys(name for line in lines if (name := line.strip())))
