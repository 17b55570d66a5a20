"""A model for explorations in other processes: it stays where its key, budget and record are, and is asked from there."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from toolrec_cli.llm.messages import ChatModel, Reply, Request

_through: ContextVar[Callable[[Request], Reply]] = ContextVar("through")


@contextmanager
def asked_through(ask: Callable[[Request], Reply]) -> Generator[None]:
    """Within, what this thread asks of an `Elsewhere` is asked by `ask`, which raises what the model raises."""
    token = _through.set(ask)
    try:
        yield
    finally:
        _through.reset(token)


class Elsewhere:
    """A model that is in another process; whoever explores says how it is reached (`asked_through`)."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def reply(self, request: Request) -> Reply:
        """Its answer. Raises what it raises, RuntimeError outside `asked_through`."""
        try:
            ask = _through.get()
        except LookupError:
            raise RuntimeError(f"nobody here knows how to reach {self._name}") from None
        return ask(request)


class Staying:
    """`inner`, which does not leave this process: whoever is sent to another one with it finds an `Elsewhere` in its place."""

    def __init__(self, inner: ChatModel) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The answer. Raises what the inner model raises."""
        return self._inner.reply(request)

    def __reduce__(self) -> tuple[type[Elsewhere], tuple[str]]:
        return Elsewhere, (self.name,)
