"""Sixteen films, three tools whose scores are written down, and one user: whatever runs here can be worked out on paper."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.agent.ranker import BuiltinRanker
from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.facets import Facets
from toolrec_cli.tools.finish import FinishTool
from toolrec_cli.tools.protocol import Candidate, Context, Mark, User
from toolrec_cli.tools.rank import Ranker, RankTool
from toolrec_cli.tools.retrieve import RetrievalTool, Scorer
from toolrec_cli.tools.toolbox import Toolbox

FILMS: list[tuple[str, str, list[str] | None, int | None, float, str]] = [
    ("101", "Alpha", ["Drama"], 1951, 1.0, "An alphabet is lost."),
    ("102", "Bravo", ["Drama", "Crime"], 1955, 2.0, "A thief applauds."),
    ("103", "Charlie", ["Comedy"], 1959, 3.0, "A tramp walks."),
    ("104", "Delta", ["Comedy"], 1960, 4.0, "A river laughs."),
    ("105", "Echo", ["Drama"], 1964, 5.0, "It comes back."),
    ("106", "Foxtrot", ["Crime"], 1968, 6.0, "They dance, then run."),
    ("107", "Golf", ["Comedy", "Drama"], 1972, 7.0, "A ball is found."),
    ("108", "Hotel", ["Western"], 1976, 8.0, "Rooms in the desert."),
    ("109", "India", ["Drama"], 1980, 9.0, "A train is late."),
    ("110", "Juliett", ["Comedy"], 1984, 10.0, "A balcony falls."),
    ("111", "Kilo", ["Crime"], 1988, 11.0, "A weight is gone."),
    ("112", "Lima", None, 1992, 12.0, "A bean grows."),
    ("113", "Twin", ["Western"], 1994, 13.0, "Two horses."),
    ("114", "Twin", ["Comedy"], 1995, 14.0, "Two clowns."),
    ("115", "Oscar", ["Western"], 1996, 15.0, "A prize is shot."),
    ("116", "101", ["Drama", "Western"], None, 16.0, "A number rides."),
]
"""item_id, title, genre, year, price, plot. Item 13 and item 14 share a title; the title of item 16 is the id of item 1."""

SCHEMA = {
    "item_id": pl.String,
    "title": pl.String,
    "genre": pl.List(pl.String),
    "year": pl.Int64,
    "price": pl.Float64,
    "plot": pl.String,
}
ATTRIBUTES = (
    Attribute("genre", Kind.MULTI, 15 / 16, 4),
    Attribute("year", Kind.NUMERIC, 15 / 16, 15),
    Attribute("price", Kind.NUMERIC, 1.0, 16),
    Attribute("plot", Kind.TEXT, 1.0, 16),
)
N_ITEMS = len(FILMS)
HISTORY = (15, 16)


def catalog(n_items: int = N_ITEMS) -> Catalog:
    """The first films."""
    return Catalog(pl.DataFrame(FILMS[:n_items], schema=SCHEMA, orient="row"), ATTRIBUTES)


class WrittenScores:
    """A scorer that knows by heart: `None` likes the first items best, "genre" the last, "year" those in the middle."""

    def __init__(self, scores: Mapping[str | None, Sequence[float]] | None = None, n_items: int = N_ITEMS) -> None:
        everything = range(1, n_items + 1)
        self._scores = scores or {
            None: [20.0 - i for i in everything],
            "genre": [float(i) for i in everything],
            "year": [-abs(i - 8.25) for i in everything],
        }

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes with scores."""
        return tuple(name for name in self._scores if name is not None)

    def scores(self, attribute: str | None, user_index: int) -> npt.NDArray[np.float32]:
        """The same for everybody, [N + 1]; the padding is given the best score of all, which nobody may see."""
        return np.array([99.0, *self._scores[attribute]], dtype=np.float32)

    def near(self, attribute: str | None, user_index: int, n: int) -> None:
        """There is no index."""


def toolbox(scorer: Scorer | None = None, ranker: Ranker | None = None) -> Toolbox:
    """The three tools."""
    return Toolbox([RetrievalTool(scorer or WrittenScores()), RankTool(ranker or BuiltinRanker()), FinishTool()])


def user(history: Iterable[int] = HISTORY, user_index: int = 0) -> User:
    """Somebody with a history."""
    return User(user_index, f"u{user_index}", {}, np.array(list(history), dtype=np.int32), None)


def brought(item_index: int, rank: int, attribute: str | None = None) -> Candidate:
    """An item that one retrieval tool brought."""
    return Candidate(item_index, [Mark("retrieve", attribute, None, rank, None, 1)])


def context(
    shown: Iterable[int] = (),
    *,
    history: Iterable[int] = HISTORY,
    n: int = 10,
    step: int = 2,
    max_rounds: int = 7,
    attributes: tuple[str, ...] = ("genre", "year"),
    items: Catalog | None = None,
) -> Context:
    """A moment at which the items `shown` are in memory, brought by the backbone in that order."""
    items = items or catalog()
    candidates = {item: brought(item, place) for place, item in enumerate(shown, start=1)}
    return Context(user(history), items, Facets(items), candidates, attributes, n, step, max_rounds)


def ids(item_indices: Iterable[int]) -> list[str]:
    """Item ids of item_index: 1 -> "101"."""
    return [f"{100 + item}" for item in item_indices]
