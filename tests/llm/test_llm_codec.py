"""A question's canonical text is put together from what was kept, and is what it would be, made at once."""

from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.llm.budgeted import worst_usage
from toolrec_cli.llm.codec import canonical, request_from, request_json, request_text
from toolrec_cli.llm.messages import Message, Request, ToolSpec

_WORDS = st.text(max_size=20)
_RAW = st.none() | st.dictionaries(
    _WORDS, _WORDS | st.integers() | st.none() | st.lists(_WORDS, max_size=2), max_size=3
)
_MESSAGES = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), _WORDS, call_id=st.none() | _WORDS, raw=_RAW
)
_REQUESTS = st.builds(
    Request,
    st.lists(_MESSAGES, max_size=4).map(tuple),
    schema=st.none() | st.just({"type": "object", "é": ["</s>"]}),
    tools=st.sampled_from([(), (ToolSpec("rank", "über", {"type": "object"}),)]),
    stop=st.sampled_from([(), ("\nObservation:",)]),
    max_tokens=st.integers(1, 9999),
    temperature=st.none() | st.floats(0, 2),
    seed=st.none() | st.integers(),
    sample=st.integers(0, 3),
)


@given(_REQUESTS)
def test_a_question_is_canonical_and_can_be_read_again(request_: Request) -> None:
    assert request_text(request_) == canonical(request_json(request_))
    assert request_from(request_json(request_)) == request_


@given(_REQUESTS, _MESSAGES)
def test_a_conversation_that_grows_is_the_same_text_and_costs_what_is_added(request_: Request, more: Message) -> None:
    """What was kept with the messages of the first question serves the second."""
    assert (request_text(request_), worst_usage(request_).input_tokens > 0) == (canonical(request_json(request_)), True)
    longer = Request((*request_.messages, more), request_.schema, request_.tools, request_.stop)
    anew = request_from(request_json(longer))
    assert request_text(longer) == request_text(anew)
    assert worst_usage(longer) == worst_usage(anew)
    assert worst_usage(longer).input_tokens > worst_usage(request_).input_tokens


@given(_REQUESTS)
def test_no_question_has_more_tokens_than_the_worst(request_: Request) -> None:
    """Of what a server is sent, at the most a token a byte."""
    told = "".join(str(message.raw or message.content) for message in request_.messages)
    assert worst_usage(request_).input_tokens >= len(told.encode("utf-8", "surrogatepass"))
