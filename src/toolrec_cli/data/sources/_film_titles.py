"""Titles of films that were never made: a small grammar over the words of a genre, no title twice."""

import re
from collections.abc import Sequence
from itertools import count

import numpy as np

from toolrec_cli.data.sources import _film_words as words

_COMMON_SHARE = 0.4
"""How often a title follows a pattern that any genre may use."""

_TRIES = 60
"""So often another title is tried before a number makes it distinct."""


def titles(genres: Sequence[str], rng: np.random.Generator) -> list[str]:
    """A title for every film, hinting at the genre given for it; all distinct, in any case of letters."""
    used: set[str] = set()
    made: list[str] = []
    for genre in genres:
        made.append(_fresh(words.LEXICONS[genre], used, rng))
        used.add(made[-1].lower())
    return made


def people(n: int, rng: np.random.Generator) -> list[str]:
    """`n` distinct invented names."""
    n_last = len(words.LAST_NAMES)
    chosen = rng.permutation(len(words.FIRST_NAMES) * n_last)[:n].tolist()
    return [f"{words.FIRST_NAMES[k // n_last]} {words.LAST_NAMES[k % n_last]}" for k in chosen]


def _fresh(lexicon: words.Lexicon, used: set[str], rng: np.random.Generator) -> str:
    for _ in range(_TRIES):
        if (title := _title(lexicon, rng)).lower() not in used:
            return title
    base = _title(lexicon, rng)
    return next(title for k in count(2) if (title := f"{base} {k}").lower() not in used)


def _title(lexicon: words.Lexicon, rng: np.random.Generator) -> str:
    patterns = words.COMMON_PATTERNS if rng.random() < _COMMON_SHARE else lexicon.patterns
    first = int(rng.integers(len(words.NAMES)))
    other = (first + int(rng.integers(1, len(words.NAMES)))) % len(words.NAMES)
    filled = _one(patterns, rng).format(
        a=_one(lexicon.adjectives, rng),
        n=_one(lexicon.things, rng),
        s=_one(lexicon.plurals, rng),
        place=_one(words.PLACES, rng),
        name=words.NAMES[first],
        name2=words.NAMES[other],
        month=_one(words.MONTHS, rng),
        many=_one(words.MANY, rng),
    )
    return _spelt(filled)


def _spelt(title: str) -> str:
    """ "A Otter" -> "An Otter", "Tobias's Kite" -> "Tobias' Kite"."""
    title = re.sub(r"\b([Aa]) (?=[AEIO]|Un[^i])", r"\1n ", title)
    return title.replace("s's ", "s' ")


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
