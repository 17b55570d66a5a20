"""MovieLens writes "City of Lost Children, The (Cité des enfants perdus, La) (1995)"; people say it the other way round."""

import html
import re

_YEAR = re.compile(r"\s*\((\d{4})(?:/[IVX]+|\s?[-–]\s?(?:\d{4})?)?\)\s*(?:\((?:V|TV|VG)\))?\s*$")
"""The year at the end, perhaps numbered among the films of that year or the first of several, perhaps marked as video or TV."""

_ARTICLES = (
    *("The", "A", "An"),
    *("La", "Le", "Les", "L'", "Un", "Une"),
    *("Il", "Lo", "Gli", "Uno", "Una"),
    *("El", "Los", "Las"),
    *("Der", "Die", "Das", "Ein", "Eine"),
    *("Det", "Den", "En", "Ett"),
)
_SHORT_ARTICLES = ("I", "O", "As", "Os", "De")
"""Articles that an English title may well end with: believed only where a foreign title stands, in parentheses."""

_AFTER = re.compile(rf"^(.+), ({'|'.join(_ARTICLES)})$")
_AFTER_FOREIGN = re.compile(rf"^(.+), ({'|'.join(_ARTICLES + _SHORT_ARTICLES)})$")
_PARENTHESIS = re.compile(r"\s*\(([^()]*)\)")
_ELISION = re.compile(r"\b([Ll])' (?=\w)")


def read_title(raw: str) -> tuple[str, int | None]:
    """The title as people say it, and the year of release when the raw title ends with one."""
    text = html.unescape(raw)  # ml-1m has one title with "&#8230;" in it
    found = _YEAR.search(text)
    whole = text[: found.start()] if found else text
    year = int(found[1]) if found else None
    opening = _PARENTHESIS.search(whole)
    main = whole[: opening.start()] if opening else whole
    if not opening or not main.strip():
        return _article_first(whole, _AFTER), year
    rest = _PARENTHESIS.sub(lambda match: f" ({_article_first(match[1], _AFTER_FOREIGN)})", whole[opening.start() :])
    return f"{_article_first(main, _AFTER)}{rest}".strip(), year


def _article_first(title: str, after: re.Pattern[str]) -> str:
    """ "Matrix, The" -> "The Matrix"; "Avventura, L'" -> "L'Avventura"."""
    title = _ELISION.sub(r"\1'", " ".join(title.split()))
    found = after.match(title)
    if not found:
        return title
    return f"{found[2]}{'' if found[2].endswith(chr(39)) else ' '}{found[1]}"
