"""Which files hold the reviews and the metadata: named by option, or found in a folder by the names they are published under."""

from dataclasses import dataclass
from pathlib import Path

from toolrec_cli.data.source import ReadOptions
from toolrec_cli.errors import InputError, UsageError

HOMES = {
    "2023": "https://amazon-reviews-2023.github.io/",
    "2018": "https://nijianmo.github.io/amazon/",
    "2014": "https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
}
HINT = (
    f"Download a category's reviews and metadata from {HOMES['2023']} or {HOMES['2018']} and type: "
    "toolrec prep amazon --raw FOLDER (or --interactions REVIEWS --items META)"
)

JSON = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
CSV = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Files:
    """The two files of a category; without metadata, ids stand for titles."""

    reviews: Path
    meta: Path | None


def find_files(options: ReadOptions) -> Files:
    """The files that the options mean.

    Raises InputError when one is missing, UsageError when a folder holds several that might be meant.
    """
    if options.interactions is not None:
        return Files(_there(options.interactions), _there(options.items) if options.items else None)
    if options.raw is None:
        raise InputError("The Amazon reviews have to be downloaded by you, one category or more.", hint=HINT)
    if not options.raw.is_dir():
        return Files(_there(options.raw), _there(options.items) if options.items else None)
    return _in_folder(options.raw, options.items)


def _in_folder(folder: Path, meta: Path | None) -> Files:
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(JSON + CSV))
    metas = [path for path in files if path.name.startswith("meta_") and path.name.endswith(JSON)]
    reviews = [path for path in files if not path.name.startswith("meta_")]
    named = _there(meta) if meta else _only(metas, folder, "metadata (meta_NAME.json.gz)", "--items META")
    return Files(_only(reviews, folder, "reviews (NAME.json.gz)", "--interactions REVIEWS"), named)


def _only(found: list[Path], folder: Path, what: str, option: str) -> Path:
    if not found:
        raise InputError(f"There is no file of {what} in {folder}.", hint=HINT)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UsageError(
            f"{folder} holds several files of {what}: {names}.",
            hint=f"Say which is meant: toolrec prep amazon --interactions REVIEWS --items META (here: {option})",
        )
    return found[0]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} is not a file." if path.exists() else f"{path} does not exist.", hint=HINT)
    return path
