"""The steps that leave something out of a staged log, in their order, and what each of them left out."""

from collections.abc import Callable, Iterator

import numpy as np

from toolrec_cli.data.choices import Choices, Keep, Step
from toolrec_cli.data.preparing.buckets import deduplicated
from toolrec_cli.data.preparing.remaining import Mask, Remaining, core
from toolrec_cli.data.preparing.staging import Stage
from toolrec_cli.errors import InputError
from toolrec_cli.seeds import stream

Filter = Callable[[Remaining], Remaining]


def filtered(staged: Stage, choices: Choices) -> tuple[Remaining, list[Step]]:
    """What is left of the log after the steps that `choices` asks for. Raises InputError when a step leaves nothing."""
    rest = Remaining.of(staged.log, len(staged.users), staged.n_items)
    before = (staged.n_read, len(staged.users), staged.n_met)
    done: list[Step] = []
    for name, step in _steps(choices):
        rest = step(rest)
        after = (rest.n_rows, int((rest.users > 0).sum()), int((rest.items > 0).sum()))
        done.append(Step(name, *(was - now for was, now in zip(before, after, strict=True))))
        before = after
        if not rest.n_rows:
            raise InputError(f"Not one interaction is left. {' '.join(map(str, done))}", hint="Leave less out.")
    return rest, done


def _steps(choices: Choices) -> Iterator[tuple[str, Filter]]:
    """(what is left out, how) of the steps that are asked for, in order."""
    if choices.min_rating is not None:
        yield f"Rated below {choices.min_rating:g} or not at all", lambda rest: rest  # left out while they were read
    if choices.deduplicate is not Keep.ALL:
        keep = choices.deduplicate
        yield f"Repeats of user and item, the {keep} kept", lambda rest: deduplicated(rest, keep)
    if max(choices.user_core, choices.item_core) > 1:
        yield _core_words(choices), lambda rest: core(rest, choices.user_core, choices.item_core)
    if choices.min_history > 1:
        yield (
            f"Users with fewer than {choices.min_history} interactions",
            lambda rest: rest.only(rest.users >= choices.min_history, rest.items > 0),
        )
    if (size := choices.sample_users) is not None:
        yield (
            f"Users beyond the {size:,} drawn by seed {choices.seed}",
            lambda rest: rest.only(_drawn(rest, size, choices.seed), rest.items > 0),
        )


def _core_words(choices: Choices) -> str:
    if choices.user_core == choices.item_core:
        return f"Outside the {choices.user_core}-core"
    return f"Outside the core of users with {choices.user_core} and items with {choices.item_core} interactions"


def _drawn(rest: Remaining, size: int, seed: int) -> Mask:
    """`size` of the users that are left, or all of them when there are no more."""
    there = np.flatnonzero(rest.users)
    chosen = np.zeros(len(rest.users), np.bool_)
    chosen[stream(seed, "sampled users").choice(there, min(size, len(there)), replace=False)] = True
    return chosen
