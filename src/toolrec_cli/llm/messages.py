"""What goes to a language model and what comes back, whoever serves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    `raw` is an assistant's message exactly as the server sent it, to be sent back verbatim (some servers refuse it
    otherwise); `call_id` says which call a tool's message answers.
    """

    role: Role
    content: str
    call_id: str | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a strict JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One question. Equal requests are the same question: the cache answers the second.

    `schema` asks for one JSON object that obeys it; `tools` offers native calls, at least one of which must be made;
    `stop` ends a free text. Never more than one of the three.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    tools: tuple[ToolSpec, ...] = ()
    stop: tuple[str, ...] = ()
    max_tokens: int = 1024
    temperature: float | None = 0.0
    seed: int | None = None
    sample: int = 0
    """Tells repeated samples of one question apart."""


@dataclass(frozen=True)
class ToolCall:
    """A native call as the model made it; `arguments` is its text, right or broken."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Usage:
    """Tokens as the server counts them. `cached_tokens` are among the input's, `reasoning_tokens` among the output's."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float | None = None
    """US dollars, where the server says so itself."""

    @property
    def counted(self) -> bool:
        """Whether the server counted any tokens. No answer takes none: without a count it is not known what was used."""
        return self.input_tokens + self.output_tokens > 0

    def __add__(self, other: "Usage") -> "Usage":
        costs = [each.cost for each in (self, other) if each.cost is not None]
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            sum(costs) if costs else None,
        )


@dataclass(frozen=True)
class Reply:
    """One answer. `finish_reason` is "stop", "length", "tool_calls", "content_filter" or what else the server says."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = Usage()
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The assistant's message as it came, for `Message.raw`."""
    refusal: str | None = None
    model: str = ""
    """The model as the server names it."""
    seconds: float = 0.0
    retries: int = 0
    from_cache: bool = False
    """Answered from the response cache: nothing was paid."""


class ChatModel(Protocol):
    """Whoever answers: a server, or a wrapper around another `ChatModel` (cached, budgeted, recorded). Thread-safe."""

    @property
    def name(self) -> str:
        """What the user typed as --model."""
        ...

    def reply(self, request: Request) -> Reply:
        """The answer. Raises ProviderError when there is none, BudgetSpent before a call that must not be made."""
        ...
