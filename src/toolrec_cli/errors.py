"""What can go wrong that is not a bug: each error says what happened, to what, and what to type next.

Exit codes: 0 done · 1 a bug · 2 usage or configuration: no such option, user, attribute or choice, or what was to be written is
there already · 3 an input (file, data set, run, model) is missing, altered or bad · 4 the LLM provider failed ·
5 finished in part · 6 a check did not hold · 130 Ctrl-C · 143 SIGTERM.
"""

import shlex
from collections.abc import Iterable

PARTLY = 5
"""Finished, but not for everybody."""


class ToolRecError(Exception):
    """Something the world did. `message` says what happened, `hint` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ToolRecError):
    """The command or its settings make no sense as given."""

    exit_code = 2


class InputError(ToolRecError):
    """A file, data set, run or model is missing, altered or bad."""

    exit_code = 3


class ProviderError(ToolRecError):
    """The LLM server did not answer, or not so that it could be used."""

    exit_code = 4


class BudgetSpent(ToolRecError):
    """The next call would go over what may be spent; what is done is kept, and the run can be resumed."""

    exit_code = PARTLY


class WorkerLost(ToolRecError):
    """A process that did a part of the work is gone; what is done is kept, and the run can be resumed."""

    exit_code = PARTLY


class Terminated(KeyboardInterrupt):
    """Somebody asked the program to end (SIGTERM): the same as Ctrl-C, but for the exit code."""


class CheckError(ToolRecError):
    """Something that must hold does not."""

    exit_code = 6


def near_misses(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names most like `name`, best first; of equally like ones those that begin as it does. None if none is near."""
    from rapidfuzz import fuzz, process, utils
    from rapidfuzz.distance import Prefix

    names = [str(each) for each in known]
    found = process.extract(
        name, names, scorer=fuzz.ratio, processor=utils.default_process, limit=10 * limit, score_cutoff=60
    )
    best = sorted(found, key=lambda match: (-match[1], -Prefix.similarity(name.lower(), match[0].lower())))
    return [match for match, _, _ in best[:limit]]


def unknown(kind: str, name: str, known: Iterable[str], *, hint: str | None = None, option: str | None = None) -> str:
    """'No attribute "gener". Did you mean "genre"?': the sentence for a name that does not exist.

    `hint` replaces the list of what there is, for kinds too many to list (users, items). Where `option` may be given several
    times, a name that is several with commas between them is taken apart: "--attr genre --attr director".
    """
    names = [str(each) for each in known]
    parts = [part.strip() for part in name.split(",")]
    if option and len(parts) > 1 and {*parts} <= {*names}:
        said = " ".join(f"{option} {shlex.quote(part)}" for part in parts)
        return f"There is no {kind} {name!r:.60}. Give {option} once for each: {said}"
    near = near_misses(name, names)
    if near:
        return f"There is no {kind} {name!r:.60}. Did you mean {' or '.join(repr(n) for n in near)}?"
    if hint is None:
        hint = f"There is: {', '.join(names)}." if names else f"There is no {kind} at all."
    return f"There is no {kind} {name!r:.60}. {hint}"
