"""MovieLens "latest", large or small: the ratings up to the day GroupLens packed them, so counts differ with the download."""

from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._movielens_csv import read_csv_form
from toolrec_cli.progress import Progress

HOME = "https://grouplens.org/datasets/movielens/latest/"


def _read(options: ReadOptions, progress: Progress) -> RawData:
    return read_csv_form(options, progress, "ml-latest", HOME)


SOURCE = Source("MovieLens latest, large or small: film ratings in CSV (GroupLens; research use)", HOME, _read)
