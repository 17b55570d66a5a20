"""Words that sentences of every room are made with."""

from collections.abc import Mapping


def counted(n: int, noun: str) -> str:
    """ "1 user", "6,040 users"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def sized(counts: Mapping[str, int]) -> str:
    """ "6,040 users · 3,706 items · 1,000,209 interactions", of a data set's counts."""
    return " · ".join(counted(counts[f"{noun}s"], noun) for noun in ("user", "item", "interaction"))
