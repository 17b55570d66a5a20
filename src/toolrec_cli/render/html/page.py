"""The page: one file without scripts, which loads nothing from anywhere.

Two walls stand between strangers' text and the markup: every value is escaped where it is put in, and what moves a cursor, turns
text round or hides in it is taken out; should either fall, the page's own policy lets a browser run and load nothing.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolrec_cli.operations.reporting import BEGINS, Told
from toolrec_cli.render.html.sections import Section, section
from toolrec_cli.unseen import clean

_TEMPLATES = Path(__file__).parent / "templates"


def page(told: Sequence[Told], rows: int, version: str) -> str:
    """The whole page; `rows` items are shown of each observation. The same runs, in the same workspace, give the same page, to
    the byte.
    """
    sections = [section(each, number, rows) for number, each in enumerate(told, start=1)]
    found = (
        _environment()
        .get_template("page.html")
        .render(
            begins=Markup(BEGINS),
            title=_title(sections),
            heading=_heading(sections),
            sections=sections,
            version=version,
            style=_style(),
        )
    )
    return found.encode("utf-8", "replace").decode()  # a lone surrogate of somebody's JSON is no character


def _title(sections: Sequence[Section]) -> str:
    return sections[0].name if len(sections) == 1 else f"{len(sections)} runs of toolrec"


def _heading(sections: Sequence[Section]) -> str:
    return f"{sections[0].verb} on {sections[0].dataset}" if len(sections) == 1 else _title(sections)


def _style() -> Markup:
    return Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_neutralised,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _neutralised(value: Any) -> Any:
    """Whatever is put into a template, but what is markup already: without controls, turns of direction and hidden characters."""
    return value if isinstance(value, Markup) else clean(str(value))
