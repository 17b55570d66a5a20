"""What a language model is told before it is asked anything: versioned templates, chosen by what the data set is about."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from importlib.resources import files
from string import Template
from typing import Any, Final

from toolrec_cli.agent import quoting
from toolrec_cli.agent.trajectory import Brief
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.facets import Facets
from toolrec_cli.errors import UsageError, unknown

VERSION: Final = "2"
"""A template that runs were made with is not edited: a change is a new folder beside the old one, with what has changed."""

DOMAINS: Final = ("films", "books", "businesses", "products", "generic")

VALUES_NAMED = 12
"""Of each attribute the most frequent values are told."""

_TELLING = {
    "books": {"author", "authors", "isbn", "publisher", "page_count"},
    "businesses": {"city", "stars", "categories", "postal_code", "neighborhood"},
    "products": {"price", "brand", "sales_rank", "store", "main_category"},
    "films": {"director", "directors", "actors", "cast", "runtime", "release_year", "movie_year"},
}
"""Attributes by which a table of one's own is recognised; the first domain with most of them is taken."""


def choose_domain(source: str, name: str, attributes: Collection[str]) -> str:
    """What a data set is about, from its source ("ml-1m"), its name ("amazon-books") and its attributes; "generic" if unclear."""
    said = f"{source} {name}".lower()
    for word, domain in (
        ("book", "books"),
        ("ml-", "films"),
        ("movie", "films"),
        ("film", "films"),
        ("yelp", "businesses"),
    ):
        if word in said:
            return domain
    if source == "sample":
        return "films"
    if source == "amazon":
        return "products"
    found = {domain: len(words & {a.lower() for a in attributes}) for domain, words in _TELLING.items()}
    best = max(found, key=found.__getitem__)
    return best if found[best] else "generic"


@cache
def template(name: str, version: str = VERSION) -> str:
    """The text of one template: that of `version`, or where it was not changed for it, of the latest one before."""
    folder = files("toolrec_cli.agent") / "prompts"
    found = [folder / f"v{number}" / f"{name}.md" for number in range(int(version), 0, -1)]
    return next(path for path in found if path.is_file()).read_text(encoding="utf-8").strip()


def make_brief(
    catalog: Catalog,
    facets: Facets,
    attributes: tuple[str, ...],
    *,
    protocol: str,
    domain: str,
    n: int = 10,
    max_rounds: int = 7,
    demonstrations: str = "",
    legal_only: bool = True,
    max_tokens: int = 2048,
    temperature: float | None = 0.0,
    seed: int | None = None,
    version: str = VERSION,
) -> Brief:
    """The brief for one data set and one protocol; the same for every user, so that providers' caches hit.

    attributes: those with a retrieval tool. domain: one of DOMAINS. demonstrations: for the text protocol. version: of the
    templates; an older one only to go on with, or verify, what was begun with it.
    Raises UsageError for a domain that does not exist.
    """
    if domain not in DOMAINS:
        raise UsageError(unknown("prompt domain", domain, DOMAINS))
    names = (domain, "rules", protocol)
    values = {
        "n": str(n),
        "max_rounds": str(max_rounds),
        "attributes": attributes_told(facets, catalog, attributes),
        "demonstrations": demonstrations,
    }
    return Brief(
        protocol=protocol,
        prompt=f"{domain}/{version}",
        digest=templates_digest([*names, "rank"], version),
        system="\n\n".join(Template(template(name, version)).substitute(values).strip() for name in names),
        attributes=attributes,
        legal_only=legal_only,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
    )


@lru_cache(maxsize=16)
def rank_text(brief: Brief, n: int) -> str:
    """What a language model is told that only puts candidates in order."""
    return filled("rank", brief, n, brief.prompt.partition("/")[2])


def filled(name: str, brief: Brief, n: int, version: str = VERSION, **more: Any) -> str:
    """A template that is no part of the surrogate's own text, with the role that it plays, and `more`."""
    domain, _, its_own = brief.prompt.partition("/")
    role = Template(template(domain, its_own)).substitute(n=n)
    return Template(template(name, version)).substitute(role=role, **more)


def templates_digest(names: Iterable[str], version: str = VERSION) -> str:
    """SHA-256 of templates, one after the other."""
    return hashlib.sha256("\n\n".join(template(name, version) for name in names).encode()).hexdigest()


def attributes_told(facets: Facets, catalog: Catalog, attributes: tuple[str, ...]) -> str:
    """A line an attribute: its name, its kind, and its most frequent values."""
    lines = [
        quoting.dumps(
            {
                "attribute": name,
                "kind": str(catalog.attribute(name).kind),
                "values": [quoting.tame(label, quoting.VALUE) for label in _frequent(facets, name)],
            }
        )
        for name in attributes
    ]
    return "\n".join(lines) if lines else "none: only attribute null is answered"


def _frequent(facets: Facets, attribute: str) -> list[str]:
    """The labels most items have, ties by name; none for free text."""
    if attribute not in facets.attributes:
        return []
    counted = Counter(label for labels in facets.labels(attribute) for label in labels)
    return [label for label, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:VALUES_NAMED]]
