"""The page that is mailed about: whatever strangers wrote, its tags are the program's, and it loads and runs nothing."""

import re
import unicodedata

import pytest

from agent.hostile import HOSTILE
from render.hostile_runs import Text, epochs, every_run, told, trained
from render.parsed import Parsed
from toolrec_cli.operations.reporting import BEGINS
from toolrec_cli.render.html.page import page
from toolrec_cli.unseen import clean

FOR_A_PAGE = [
    "<script src=//evil.example/x.js></script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{{ style }}",
    "{% raw %}{% endraw %}{% include 'style.css' %}{# x #}",
    "]]>",
    "</title><b>",
    "</style></svg></summary></details></table>",
    "--><!--",
    "<![CDATA[ x ]]>",
    "&lt;b&gt; &amp; &#x202e; &quot;",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>",
    "<plaintext>",
    "`onload=alert(1)",
    "half a character \ud800",
]
TEXTS = [*HOSTILE, *FOR_A_PAGE]


def tame(place: int) -> str:
    return f"tame {place}"


def hostile(shift: int) -> Text:
    return lambda place: TEXTS[(place + shift) % len(TEXTS)]


def made(text: Text) -> str:
    return page(every_run(text), 2, "1.0")


@pytest.fixture(scope="module")
def of_tame() -> Parsed:
    return Parsed(made(tame))


@pytest.mark.parametrize("shift", range(len(TEXTS)))
def test_hostile_texts_change_no_tag_and_no_attribute(shift: int, of_tame: Parsed) -> None:
    """Each text stands in each place once."""
    found = Parsed(made(hostile(shift)))
    assert found.tags == of_tame.tags
    assert found.others == ["doctype html"]
    assert found.is_closed


@pytest.mark.parametrize("shift", range(0, len(TEXTS), 7))
def test_hostile_texts_are_there_to_the_letter_but_for_what_cannot_be_seen(shift: int) -> None:
    whole = made(hostile(shift))
    unseen = [c for c in whole if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
    assert unseen == []
    words = Parsed(whole).words
    for place in (0, 4, 9, 17, 22, 26, 28, 34, 38):
        text = " ".join(clean(hostile(shift)(place)[:300]).split())
        assert text.encode("utf-8", "replace").decode() in words


def test_a_page_has_no_script_no_handler_and_no_address(of_tame: Parsed) -> None:
    assert {tag for tag, _ in of_tame.tags} & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "link",
        "img",
        "base",
    } == set()
    attributes = [(name, value or "") for _, attrs in of_tame.tags for name, value in attrs]
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "srcset", "style", "action")]
    assert all(value.startswith("#") for name, value in attributes if name in ("href", "xlink:href"))
    policy = next(
        dict(attrs)["content"] for _, attrs in of_tame.tags if ("http-equiv", "Content-Security-Policy") in attrs
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "script-src" not in policy
    assert not re.search(r"url\(|@import|https?:", "".join(of_tame.said))


def test_every_link_leads_to_a_place_on_the_page(of_tame: Parsed) -> None:
    places = [value for _, attrs in of_tame.tags for name, value in attrs if name == "id"]
    links = {str(value)[1:] for _, attrs in of_tame.tags for name, value in attrs if name == "href"}
    assert len(set(places)) == len(places)
    assert links <= set(places)
    assert any("round" in each for each in links)


def test_the_same_runs_give_the_same_page_and_it_is_known_as_ours() -> None:
    assert made(tame) == made(tame)
    assert made(tame).startswith(BEGINS)


def test_the_page_says_what_the_terminal_says(of_tame: Parsed) -> None:
    for said in (
        "0.2000 [0.100, 0.300]",  # a mean, a difference, its p, corrected
        "+0.1000 [-0.0500, +0.2000]",
        "0.060",
        "user tame 37: forced. tame 38",
        "Asked of the language model: 3 calls, 1 answers from the cache, 1,234 tokens in, 56 out, $0.5000.",
        "Minimum detectable difference",
        "tame 34, test split, n = 60 users, full ranking, history masked; mean [95 % interval]",
        "By tame 32; p corrected by Holm over every row and group",
        "all users, history masked, repeats dropped",
        "Left it: 1, of whom 1 were asked further.",
        "validation NDCG@10 0.2000 at epoch 2 of 3 · 100 trained parameters · 3 CPU-seconds",
        "best 0.3000 at epoch 1",
        "Only 4,150 users were there to learn from",
        "toolrec eval 'tame 10'",
        "The built-in surrogate went untuned: nothing was tuned.",
        "The surrogate went untuned: tame 28.",
        "tame 30: with the backbone left frozen, training took 25% of the CPU-seconds, and 50% of the parameters.",
    ):
        assert said in of_tame.words, said


def test_an_exploration_is_told_as_replay_tells_it(of_tame: Parsed) -> None:
    for said in (
        "user tame 16 · tame 19 tame 20",
        "For user tame 16 · padded: the surrogate's own list was too short; + marks what was added from memory",
        "1 items in the history; the newest 1, newest last:",
        "rated 4.5",
        "3 verified items, 1 of them new; turned away: 'tame 1' (tame 2); taken by name: 'tame 4' is tame 5 (tame 6 title)",
        "rank(tame 8, k=3)",
        "tame 12 tame 13",
        "finished with 3 items (tame 15)",
        "… and 1 more",
        "1 call · 1,234 tokens in · 56 out · 1.0 s",
        "Round 2 ordered them. tame 9",
        "3+",
        "For user tame 27 · failed: not the surrogate's own list",
    ):
        assert said in of_tame.words, said


def test_a_listed_item_leads_to_the_rounds_that_showed_it(of_tame: Parsed) -> None:
    assert "1 (2), 2 (2)" in of_tame.words
    assert ("a", (("href", "#run-1-user-1-round-2"),)) in of_tame.tags


@pytest.mark.parametrize(
    ("verb", "result"),
    [("pretrain", {}), ("train-encoder", {"attribute": "genre"}), ("tune", {"users": 3}), ("recommend", {"users": 3})],
)
@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_has_not_come_far_is_shown_as_what_it_is(verb: str, result: dict[str, object], status: str) -> None:
    found = Parsed(page([told(tame, verb, result=result, status=status)], 8, "1.0"))
    assert found.is_closed
    said = {"running": "Its process is gone", "interrupted": "It was interrupted.", "failed": "It failed."}[status]
    assert said in found.words


def test_a_training_whose_first_epoch_is_not_over_has_no_curve() -> None:
    assert "<svg" not in page([told(tame, "pretrain")], 8, "1.0")
    assert "<svg" not in page([told(tame, "pretrain", epochs=epochs()[:1])], 8, "1.0")
    assert "<svg" in page([told(tame, "pretrain", epochs=epochs()[:2])], 8, "1.0")


def test_an_encoder_from_before_there_were_full_ones_has_its_controls() -> None:
    result = {name: value for name, value in trained(tame).items() if name != "full"}
    assert "backbone alone" in Parsed(page([told(tame, "train-encoder", result=result)], 8, "1.0")).words


def test_what_a_run_was_made_by_repeats_it_only_where_that_is_its_own_command() -> None:
    whole = told(tame, "train-encoder", result=trained(tame))
    repeats = "To repeat it with the same data, in the folder where it was typed: toolrec train-encoder 'tame 10'"
    own = Parsed(page([whole], 8, "1.0")).words
    assert repeats in own
    assert "To check its record" not in own
    whole.about["manifest"]["argv"] = ("program", "recommend", "--user", "42")
    made_on_the_way = Parsed(page([whole], 8, "1.0")).words
    assert "To repeat it" not in made_on_the_way
    assert "toolrec recommend --user 42" in made_on_the_way, "it is still said what made it"
