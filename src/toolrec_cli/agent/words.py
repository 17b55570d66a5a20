"""The built-in surrogate's thoughts, in plain words: what is missing, what is too much, and what it does about it."""

from toolrec_cli.agent.makeup import Gap, Shares, history_shares
from toolrec_cli.tools.protocol import Context

NAMED = 3
"""How many labels a sentence names."""


def percent(share: float) -> str:
    """0.413 -> "41 %"."""
    return f"{share:.0%}".replace("%", " %")


def spoken(attribute: str) -> str:
    """ "release_year" -> "release year"."""
    return attribute.replace("_", " ")


def joined(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def _top(found: Shares) -> str:
    best = sorted(found.items(), key=lambda pair: -pair[1])[:NAMED]
    return joined([f"{label} ({percent(share)})" for label, share in best])


def opening(context: Context) -> str:
    """Before anything is known: what the history is made of."""
    n = len(context.user.history)
    described = [
        (name, history_shares(context, name)) for name in context.attributes if name in context.facets.attributes
    ]
    made_of = [f"by {spoken(name)} {_top(found)}" for name, found in described if found]
    lately = f" Lately, {'; '.join(made_of)}." if made_of else ""
    return f"I have chosen {n:,} items.{lately} First: what usually follows a history like mine?"


def _differences(found: Gap) -> str:
    """What is missing and what is too much, with both shares."""
    missing = [_both(found, label) for label in found.missing()[:NAMED]]
    excessive = [_both(found, label) for label in found.excessive()[:NAMED]]
    parts = [
        f"I miss {joined(missing)}" if missing else "",
        f"there is too much {joined(excessive)}" if excessive else "",
    ]
    return "; ".join(part for part in parts if part)


def _both(found: Gap, label: str) -> str:
    present, wanted = found.present.get(label, 0.0), found.wanted.get(label, 0.0)
    return f"{label} ({percent(present)} of the list, {percent(wanted)} of my history)"


def consulting(found: Gap) -> str:
    """Why the tool of an attribute is asked."""
    differences = _differences(found) or "many small shares differ"
    name = spoken(found.attribute)
    return (
        f"By {name} the list so far is {percent(found.divergence)} away from my history: {differences}. "
        f"I ask the tool that has read the {name} of everything I chose."
    )


def consulting_unlabelled(attribute: str) -> str:
    """Why the tool of a text attribute is asked, whose make-up cannot be counted."""
    return f"I cannot count {spoken(attribute)}, but the tool that has read it may know more. I ask it."


def asking_outright(found: Gap, label: str) -> str:
    """Why a value is asked for."""
    return f"I still miss {_both(found, label)}. I ask for {label} outright."


def _held(context: Context) -> str:
    tools = {text for candidate in context.candidates.values() for text in candidate.texts}
    return f"I have {len(context.candidates)} candidates from {len(tools)} {'question' if len(tools) == 1 else 'questions'}."


def ranking(context: Context, gaps: list[Gap]) -> str:
    """Why the candidates are ordered, and by what."""
    if not gaps:
        return f"{_held(context)} I order them by how far the tools agree."
    worst = spoken(gaps[0].attribute)
    return f"{_held(context)} I order them by how far the tools agree, and by {worst}, which fits worst, to restore the balance."


def ranking_tuned(context: Context) -> str:
    """The same, with what was learned on the validation split."""
    return (
        f"{_held(context)} I order them by what has told best, for others, what came next: the tools' scores, what followed my "
        "latest items, what keeps company with them, what I am made of, and what is popular."
    )


def finishing(context: Context, gaps: list[Gap]) -> str:
    """How well the list fits at the end."""
    fits = joined([f"{percent(1 - found.divergence)} by {spoken(found.attribute)}" for found in gaps])
    ending = "The rounds are used up. " if context.last_round else ""
    return (
        f"{ending}What I hold agrees with my history {fits}. I keep the list." if fits else f"{ending}I keep the list."
    )
