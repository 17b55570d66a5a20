"""RecBole's atomic files, NAME.inter and perhaps NAME.item and NAME.user: tab-separated, the first line says the types."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.kinds import Typed, is_literal, read_attribute
from toolrec_cli.data.reading.archive import Archive, MissingError, open_archive
from toolrec_cli.data.reading.columns import find_column, require_column
from toolrec_cli.data.reading.lines import field_blocks, free_of_line
from toolrec_cli.data.reading.rejects import Sieve
from toolrec_cli.data.source import RawData, ReadOptions, Source
from toolrec_cli.data.sources._catalogue import bare, completed
from toolrec_cli.data.sources._ratings import usable
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import Progress

HOME = "https://recbole.io/dataset_list.html"

KINDS = {"token": Kind.CATEGORICAL, "token_seq": Kind.MULTI, "float": Kind.NUMERIC, "float_seq": None}
"""RecBole's type of a field -> our kind; a sequence of numbers has none."""

SEQUENCE_SEPARATORS = (", ", "|", ";", ",")
"""What may separate the tokens of a sequence, where it is not the blank that RecBole's own settings say."""

_QUOTED = r'^"(?:[^"]|"")*"$'


@dataclass
class Atomic:
    """One file: line and its fields as text, the type of each, and what could not be used."""

    sieve: Sieve
    types: dict[str, str] = field(default_factory=dict[str, str])
    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    n_rows: int = 0


def _read(options: ReadOptions, progress: Progress) -> RawData:
    archive, name = _named(options)
    progress("reading", 0, 3, f"{name}.inter")
    inter = _atomic(archive, f"{name}.inter", options)
    interactions, notes = _interactions(inter, options)
    progress("reading", 1, 3, f"{name}.item")
    files, items, kinds = [inter], bare(interactions), dict[str, Kind]()
    try:
        item = _atomic(archive, f"{name}.item")
        described, kinds, item_notes = _items(item, options)
        items, completing = completed(described, interactions)
        files, notes = [*files, item], [*notes, *item_notes, *completing]
    except MissingError:
        notes.append(f"There is no {name}.item: the ids stand for titles, and there are no attributes.")
    progress("reading", 2, 3, f"{name}.user")
    users = None
    try:
        user = _atomic(archive, f"{name}.user")
        users = _users(user)
        files.append(user)
    except MissingError:
        notes.append(f"There is no {name}.user: nothing is known of the users.")
    digests = archive.digests([each.sieve.file for each in files])
    n_rows = {each.sieve.file: each.n_rows for each in files}
    bad = [row for each in files for row in each.sieve.bad]
    return RawData(interactions, items, users, kinds, digests, n_rows, bad, notes)


def _named(options: ReadOptions) -> tuple[Archive, str]:
    """The archive, and NAME. Raises UsageError when there are several."""
    raw = options.raw or options.interactions
    if raw is not None and raw.suffix == ".inter":
        archive = open_archive(raw, "recbole", HOME)
        return Archive(raw.parent, archive.hint), raw.stem
    archive = open_archive(raw, "recbole", HOME)
    found = archive.find("*.inter")
    if not found:
        raise InputError(f"There is no NAME.inter in {archive.path}.", hint=archive.hint)
    if len(found) > 1:
        raise UsageError(
            f"{archive.path} holds several data sets: {', '.join(found)}.",
            hint=f"Unpack it, and say which: toolrec prep recbole --raw {Path('FOLDER') / found[0]}",
        )
    return archive, found[0].removesuffix(".inter")


def _atomic(archive: Archive, file: str, picked: ReadOptions | None = None) -> Atomic:
    """The file. Of interactions (`picked`), which may be many, only what is asked for is kept, typed block by block."""
    atomic = Atomic(Sieve(file, "\t"))

    def names(first: str) -> list[str]:
        atomic.types = _types(first, archive, file)
        return list(atomic.types)

    with archive.open(file) as stream:
        blocks = field_blocks(stream, "\t", names, atomic.sieve)
        frames = [_ours(block, atomic, picked) if picked else _unquoted(block) for block in blocks]
    if not frames:
        raise archive.empty(file)
    atomic.frame = pl.concat(frames)
    atomic.n_rows = atomic.frame.height + len(atomic.sieve.bad)
    return atomic


def _types(first: str, archive: Archive, file: str) -> dict[str, str]:
    """ "user_id:token\\trating:float" -> {"user_id": "token", "rating": "float"}."""
    pairs = [each.strip().rpartition(":") for each in first.rstrip("\r\n").split("\t")]
    for name, _, kind in pairs:
        if not name or kind not in KINDS:
            raise InputError(
                f"The first line of {file} in {archive.path} does not name its fields as NAME:TYPE: {name or kind!r}.",
                hint=f"The types are {', '.join(KINDS)}. A file without them can be read by: toolrec prep table",
            )
    types = {free_of_line(name): kind for name, _, kind in pairs}
    if len(types) != len(pairs):
        raise InputError(f"The first line of {file} in {archive.path} names a field twice.", hint=archive.hint)
    return types


def _unquoted(block: pl.DataFrame) -> pl.DataFrame:
    """Fields that pandas put into quotes, as they were."""
    text = pl.col(pl.String)
    bare_text = text.str.strip_chars('"').str.replace_all('""', '"', literal=True)
    return block.with_columns(pl.when(text.str.contains(_QUOTED)).then(bare_text).otherwise(text))


def _ours(block: pl.DataFrame, atomic: Atomic, options: ReadOptions) -> pl.DataFrame:
    """line, user_id, item_id, and timestamp (f64) and rating (f32) where there are any."""
    file, names = atomic.sieve.file, list(atomic.types)
    roles = {
        "user_id": require_column("user", options.user_column, names, file),
        "item_id": require_column("item", options.item_column, names, file),
        "timestamp": find_column("time", options.time_column, names, file),
        "rating": find_column("rating", options.rating_column, names, file),
    }
    picked = block.select("line", **{role: pl.col(name) for role, name in roles.items() if name is not None})
    time = pl.col("timestamp").cast(pl.Float64, strict=False)
    finite = pl.when(time.is_finite()).then(time)
    return usable(_unquoted(picked), atomic.sieve, finite, "the timestamp is not a number")


def _interactions(inter: Atomic, options: ReadOptions) -> tuple[pl.DataFrame, list[str]]:
    """Times as whole numbers; and notes."""
    frame = inter.frame
    if "timestamp" not in frame.columns:
        return frame, [f"{inter.sieve.file} has no field of times (--time-col): its rows are taken to be in order."]
    whole = not (frame["timestamp"] % 1 != 0).any()
    times = (pl.col("timestamp") * (1 if whole else 1000)).round().cast(pl.Int64)
    return frame.with_columns(times), [] if whole else [
        f"{inter.sieve.file}: times with fractions, multiplied by 1,000."
    ]


def _items(item: Atomic, options: ReadOptions) -> tuple[pl.DataFrame, dict[str, Kind], list[str]]:
    """item_id, title (null where there is none), and the attributes; the kind of each; and notes."""
    names, file = list(item.types), item.sieve.file
    key = require_column("item", options.item_column if options.item_column in names else None, names, file)
    title = find_column("title", options.title_column, [name for name in names if name != key], file)
    frame = _first_of_each(item, key)
    titles = frame[title].str.replace_all(r"[\p{Cc}\s]+", " ").replace("", None) if title else None
    left_out = [name for name in names if item.types[name] == "float_seq"]
    typed = {
        f"{name}_" if name in ("item_id", "title") else name: _attribute(frame[name], item.types[name], options)
        for name in names
        if name not in (key, title, *left_out)
    }
    columns = [frame[key].alias("item_id"), (titles if titles is not None else frame[key]).alias("title")]
    notes = [f"{file}: {name!r} holds sequences of numbers; it is left out." for name in left_out]
    if typed:
        notes.append(f"Attributes: {'; '.join(f'{name} {each.how}' for name, each in typed.items())}.")
    made = pl.DataFrame([*columns, *(each.values.alias(name) for name, each in typed.items())])
    return made, {name: each.kind for name, each in typed.items()}, notes


def _first_of_each(atomic: Atomic, key: str) -> pl.DataFrame:
    frame = atomic.sieve.drop(atomic.frame, pl.col(key) == "", f"the {key} is empty")
    again = f"the {key} comes again; the first one is kept"
    return atomic.sieve.drop(frame, ~pl.col(key).is_first_distinct(), again).drop("line")


def _attribute(texts: pl.Series, kind: str, options: ReadOptions) -> Typed:
    forced = options.kinds.get(texts.name) or KINDS[kind]
    if kind != "token_seq" or forced is not Kind.MULTI or is_literal(texts):
        return read_attribute(texts, forced, options.list_separator if forced is Kind.MULTI else None)
    return read_attribute(texts, forced, options.list_separator or _separator(texts))


def _separator(texts: pl.Series) -> str:
    """A blank, unless most of the values that a blank would cut have one of the other separators."""
    several = texts.filter(texts.str.contains(r"[ ,;|]"))
    for each in SEQUENCE_SEPARATORS:
        if several.str.contains(each, literal=True).sum() > len(several) / 2:
            return each
    return " "


def _users(user: Atomic) -> pl.DataFrame:
    """user_id, then what is known: numbers as such, all else as text; empty ones null."""
    key = require_column("user", None, list(user.types), user.sieve.file)
    frame = _first_of_each(user, key)
    numbers = [name for name, kind in user.types.items() if kind == "float" and name != key]
    typed = frame.with_columns(pl.col(pl.String).replace("", None)).with_columns(
        pl.col(numbers).cast(pl.Float64, strict=False)
    )
    return typed.select(pl.col(key).alias("user_id"), pl.exclude(key, "user_id"))


SOURCE = Source("RecBole's atomic files: NAME.inter, NAME.item, NAME.user (a folder or zip)", HOME, _read)
