"""A page taken apart by the standard library's parser."""

from collections.abc import Sequence
from html.parser import HTMLParser

ALONE = {"meta", "img", "br", "hr", "input", "link"}


class Parsed(HTMLParser):
    """A page as a browser sees it: every tag with its attributes, and the text between them."""

    def __init__(self, made: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.said: list[str] = []
        self.others: list[str] = []
        self._open: list[str] = []
        self.feed(made)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag not in ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    @property
    def is_closed(self) -> bool:
        return not self._open

    @property
    def words(self) -> str:
        return " ".join("".join(self.said).split())
