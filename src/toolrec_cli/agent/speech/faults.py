"""What can be wrong with a whole reply, before anybody asks what it says; and with one that says nothing that can be done."""

import re

from toolrec_cli.agent.trajectory import Turn
from toolrec_cli.llm.messages import Reply
from toolrec_cli.tools.protocol import Action, Refused

_DECLINES = re.compile(
    r"^\W*(?:I(?:'m| am) sorry|I can(?:not|'t|’t)|I(?:'m| am) (?:unable|not able)|As an AI)", re.IGNORECASE
)

THOUGHT = 4_000
"""Characters of a thought that are kept."""


def broken(reply: Reply, how: str) -> Refused | None:
    """What is wrong with the reply as a whole: cut off, filtered, declined, empty. `how` says how to answer instead."""
    if reply.finish_reason == "length":
        return Refused("The reply was cut off at the token limit.", f"Think in one or two sentences, then act. {how}")
    if reply.finish_reason == "content_filter":
        return Refused("The reply was held back by the provider's content filter.", f"Put it another way. {how}")
    if reply.refusal:
        return declined(reply.refusal, how)
    if not reply.text.strip() and not reply.calls:
        return Refused("The reply was empty.", how)
    return None


def declined(text: str, how: str) -> Refused:
    """The model would not."""
    return Refused(f"The reply declined: {text!r:.200}.", f"Nothing but a choice from a catalogue is asked for. {how}")


def no_action(text: str, how: str) -> Refused:
    """The reply has text, but nothing in it can be carried out."""
    return declined(text, how) if _DECLINES.match(text) else Refused("The reply holds no action.", how)


def faulty(reply: Reply, fault: Refused) -> Turn:
    """The turn of a reply that cannot be used: its text for a thought, and nothing done."""
    return Turn(reply.text.strip()[:THOUGHT], Action(""), fault)
