"""Names that mean a title without being it: case, accents, punctuation, articles, years aside; then names that nearly match."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz, process

THRESHOLD = 90.0
"""A title that is at least so like a name (rapidfuzz' ratio, 0 to 100) may be meant by it."""

MARGIN = 5.0
"""The next best title must be less like the name by more than this, or nobody can say which is meant."""

SHORTEST, LONGEST = 8, 200
"""Names with fewer or more characters are not compared: in short ones a letter makes another title ("Alien", "Aliens")."""

_YEAR = re.compile(r"\s*[(\[](\d{4})[)\]]\s*$")
_ARTICLES = "the|a|an|la|le|les|el|los|las|il|der|die|das"
_LEADING = re.compile(rf"^(?:(?:{_ARTICLES})\s+|l['’]\s*)(?=\S)")
_TRAILING = re.compile(rf",\s*(?:{_ARTICLES}|l['’])(?=$|\s*[:(])")
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "x": "10"}
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Named:
    """A name taken apart: what is compared, and the year it ends with."""

    key: str
    year: int | None


@dataclass(frozen=True)
class Found:
    """A place in the titles, "normalised" or "fuzzy", and for the latter how like the name is, from 0 to 100."""

    place: int
    how: str
    score: float | None = None


def normalised(title: str) -> Named:
    """ "Godfather, The: Part II (1974)" -> "godfather part 2" and 1974; of "???" nothing but an empty key is left."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c)).strip()
    dated = _YEAR.search(plain)
    plain = plain[: dated.start()] if dated else plain
    plain = _LEADING.sub("", _TRAILING.sub("", plain)).replace("&", " and ")
    words = "".join(c if c.isalnum() else " " for c in re.sub(r"['’]", "", plain)).split()
    numbered = words[:1] + [_ROMAN.get(word, word) for word in words[1:]]
    return Named(" ".join(numbered), int(dated[1]) if dated else None)


class TitleIndex:
    """Titles by what is left of them when everything is taken off that people write differently.

    titles: by place; an empty one cannot be meant. years: the year of each where it is known otherwise.
    """

    def __init__(self, titles: Sequence[str], years: Sequence[int | None]) -> None:
        self._places: dict[str, list[int]] = defaultdict(list)
        self._years: dict[int, int | None] = {}
        for place, (title, year) in enumerate(zip(titles, years, strict=True)):
            named = normalised(title)
            if named.key:
                self._places[named.key].append(place)
                self._years[place] = named.year or year
        self._keys = list(self._places)
        self._search = lru_cache(maxsize=4096)(self._nearest)

    def __getstate__(self) -> dict[str, Any]:
        """Sent to another process, it has searched for nothing yet."""
        return {name: value for name, value in self.__dict__.items() if name != "_search"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _search=lru_cache(maxsize=4096)(self._nearest))

    def find(self, name: str, *, nearly: bool = True) -> Found | None:
        """The title that `name` means and no other; None when nothing or several could be meant.

        Without `nearly` names are not compared with all titles one by one, which takes its time where there are many.
        """
        if len(name) > LONGEST:
            return None
        named = normalised(name)
        if not named.key:
            return None
        if named.key in self._places:
            place = self._only(named.key, named.year)
            return None if place is None else Found(place, "normalised")
        near = self._search(named.key) if nearly else None
        place = None if near is None else self._only(near[0], named.year)
        return None if near is None or place is None else Found(place, "fuzzy", round(near[1], 1))

    def _only(self, key: str, year: int | None) -> int | None:
        """The one place with this key whose year fits, where both are known; a year off is forgiven, unless one fits exactly."""
        known = [(place, self._years[place]) for place in self._places[key]]
        fitting = [place for place, of in known if year is None or of is None or abs(of - year) <= 1]
        exact = [place for place, of in known if year is not None and of == year]
        chosen = exact if len(exact) == 1 else fitting
        return chosen[0] if len(chosen) == 1 else None

    def _nearest(self, key: str) -> tuple[str, float] | None:
        """The key most like it, if it is like enough, no other is nearly as like, and the numbers in both are the same."""
        if len(key) < SHORTEST:
            return None
        near = process.extract(key, self._keys, scorer=fuzz.ratio, score_cutoff=THRESHOLD - MARGIN, limit=2)
        if not near or near[0][1] < THRESHOLD or (len(near) > 1 and near[0][1] - near[1][1] <= MARGIN):
            return None
        best, score, _ = near[0]
        return (best, score) if _NUMBER.findall(best) == _NUMBER.findall(key) else None
