"""Which column of a stranger's table means what: named by option, or guessed from the usual names."""

from toolrec_cli.errors import UsageError, unknown

USUAL = {
    "user": ("userid", "user", "uid", "reviewerid", "customerid", "visitorid", "memberid", "accountid", "sessionid"),
    "item": (
        *("itemid", "item", "iid", "asin", "parentasin", "productid", "product", "movieid", "filmid", "bookid", "isbn"),
        *("businessid", "trackid", "songid", "artistid", "newsid", "articleid", "sku", "gmapid", "gameid", "id"),
    ),
    "time": (
        *("timestamp", "unixreviewtime", "time", "datetime", "date", "ts", "unixtime", "createdat", "eventtime"),
        *("reviewtime", "position", "pos", "order", "step"),
    ),
    "rating": ("rating", "overall", "stars", "score", "rate"),
    "title": ("title", "name", "itemtitle", "itemname", "producttitle", "productname", "movietitle", "booktitle"),
}
"""Role -> the names it usually has, the likeliest first; compared without case, spaces, dashes and underscores."""

ORDERS = ("position", "pos", "order", "step", "sequence", "seq", "index", "rank")
"""Names, compared as those above, of columns of times that say in which order somebody met his items, and not when."""


def is_order(column: str) -> bool:
    """Whether a column of times is called like one that holds an order alone."""
    return _plain(column) in ORDERS


def find_column(role: str, named: str | None, columns: list[str], file: str) -> str | None:
    """The column of `file` that plays `role`: the one named, else the likeliest by its name, else None.

    Raises UsageError with the near miss when the named one does not exist.
    """
    if named is not None:
        if named not in columns:
            raise UsageError(f"{file}: {unknown('column', named, columns)}")
        return named
    plain = {_plain(column): column for column in reversed(columns)}
    return next((plain[usual] for usual in USUAL[role] if usual in plain), None)


def require_column(role: str, named: str | None, columns: list[str], file: str) -> str:
    """As `find_column`. Raises UsageError, with the option to type, when no column looks like `role`."""
    found = find_column(role, named, columns, file)
    if found is None:
        listed = ", ".join(columns)
        raise UsageError(
            f"No column of {file} looks like the {role} id; it has: {listed}.",
            hint=f"Say which it is: --{role}-col NAME",
        )
    return found


def _plain(name: str) -> str:
    """ "User-ID" -> "userid"; RecBole's "user_id:token" too."""
    return name.split(":")[0].lower().replace("_", "").replace("-", "").replace(" ", "")
