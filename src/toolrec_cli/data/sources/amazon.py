"""Amazon reviews of any category: the releases of 2014, 2018 and 2023, reviews and metadata, gzipped or not."""

from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._amazon_files import HOMES, find_files
from toolrec_cli.data.sources._amazon_meta import KINDS, read_meta
from toolrec_cli.data.sources._amazon_reviews import Reviews, read_reviews
from toolrec_cli.data.sources._catalogue import bare, completed
from toolrec_cli.progress import Progress
from toolrec_cli.storage.digests import file_digest


def _read(options: ReadOptions, progress: Progress) -> RawData:
    files = find_files(options)
    progress("reading", 0, 2, files.reviews.name)
    reviews = read_reviews(files.reviews)
    paths = {path.name: path for path in (files.reviews, files.meta) if path}
    digests = {name: file_digest(path) for name, path in paths.items()}
    if files.meta is None:
        return _without_meta(reviews, digests)
    progress("reading", 1, 2, files.meta.name)
    meta = read_meta(files.meta)
    items, notes = completed(meta.frame, reviews.frame)
    n_rows = {files.reviews.name: reviews.n_rows, files.meta.name: meta.n_rows}
    bad = reviews.sieve.bad + meta.sieve.bad
    kinds = {name: KINDS[name] for name in items.columns[2:]}
    return RawData(reviews.frame, items, None, kinds, digests, n_rows, bad, [*reviews.notes, *meta.notes, *notes])


def _without_meta(reviews: Reviews, digests: dict[str, str]) -> RawData:
    items = bare(reviews.frame)
    notes = [
        *reviews.notes,
        "There is no metadata (--items META): the ids stand for titles, and there are no attributes.",
    ]
    n_rows = {reviews.sieve.file: reviews.n_rows}
    return RawData(reviews.frame, items, None, {}, digests, n_rows, reviews.sieve.bad, notes)


SOURCE = Source("Amazon reviews, any category, 2014, 2018 or 2023 (UC San Diego; research use)", HOMES["2023"], _read)
