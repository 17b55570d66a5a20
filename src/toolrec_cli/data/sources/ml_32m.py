"""MovieLens 32M: 32,000,204 ratings of 84,432 films by 200,948 users, 1995–2023; CSV."""

from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._movielens_csv import read_csv_form
from toolrec_cli.progress import Progress

HOME = "https://grouplens.org/datasets/movielens/32m/"


def _read(options: ReadOptions, progress: Progress) -> RawData:
    return read_csv_form(options, progress, "ml-32m", HOME)


SOURCE = Source("MovieLens 32M: 32 million film ratings, 1995–2023 (GroupLens; research use)", HOME, _read)
