"""What a model is told first: the right domain, this data set's values and items and no other's, the same for everybody."""

import json
import re
from importlib.resources import files

import pytest

from agent.playing import ATTRIBUTES, PROTOCOLS, PlayedSurrogate, played
from toolrec_cli.agent.demonstrations import demonstrations
from toolrec_cli.agent.prompting import DOMAINS, choose_domain, make_brief, rank_text, template
from toolrec_cli.agent.speech import SPEECHES, speech_called
from toolrec_cli.data.bounds import number_bounds
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.facets import Facets
from toolrec_cli.errors import UsageError
from toolrec_cli.llm.messages import Reply, ToolCall
from tools.small_world import N_ITEMS, catalog, ids


@pytest.mark.parametrize(
    ("source", "name", "attributes", "domain"),
    [
        ("ml-1m", "ml-1m", ["genre"], "films"),
        ("sample", "sample", ["genre", "country"], "films"),
        ("amazon", "amazon-books", ["price"], "books"),
        ("amazon", "beauty", ["price"], "products"),
        ("recbole", "Amazon_Books", [], "books"),
        ("yelp", "yelp", ["city"], "businesses"),
        ("table", "mine", ["Author", "publisher"], "books"),
        ("table", "mine", ["director", "price"], "products"),
        ("table", "mine", ["city", "stars", "price"], "businesses"),
        ("table", "clicks", ["colour"], "generic"),
        ("table", "clicks", [], "generic"),
    ],
)
def test_the_domain_is_told_by_source_name_and_attributes(
    source: str, name: str, attributes: list[str], domain: str
) -> None:
    assert choose_domain(source, name, attributes) == domain


def test_a_domain_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="Did you mean 'films'"):
        make_brief(catalog(), Facets(catalog()), (), protocol="json", domain="film")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_template_can_be_filled(protocol: str, domain: str) -> None:
    items = catalog()
    brief = make_brief(items, Facets(items), ATTRIBUTES, protocol=protocol, domain=domain, n=12, max_rounds=5)
    assert "$" not in brief.system
    assert "at most 5 rounds" in brief.system
    assert "12" in brief.system
    assert brief.prompt == f"{domain}/2"
    assert "$" not in rank_text(brief, 12)


def test_every_protocol_has_its_template_and_every_template_its_use() -> None:
    folder = files("toolrec_cli.agent") / "prompts" / "v1"
    there = {path.name.removesuffix(".md") for path in folder.iterdir()}
    assert there == {*DOMAINS, *SPEECHES, "rules", "rank"}


def test_a_later_version_has_only_what_changed_and_the_first_stays_as_it_was() -> None:
    """Runs that were begun with version 1 go on, and are verified, with it: these are the digests that they recorded."""
    items = catalog()
    briefs = [
        make_brief(items, Facets(items), ATTRIBUTES, protocol="json", domain="films", version=version)
        for version in ("1", "2")
    ]
    assert [brief.prompt for brief in briefs] == ["films/1", "films/2"]
    assert briefs[0].digest == "bea781fa40f4c34f4ca80d4f2690701292f3b1c7feb995fb0568a06f9b2420d3"
    assert "(5..10, <10, >=5)" not in briefs[0].system
    assert "(5..10, <10, >=5)" in briefs[1].system
    assert template("films", "2") == template("films", "1")
    assert template("rules", "2") != template("rules", "1")


@pytest.mark.parametrize("written", ["5..10", "<10", ">=5", "2", "1..3"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_values_as_the_rules_write_them_are_taken_in_every_protocol(protocol: str, written: str) -> None:
    """What the prompt promises of numbers, the retrieval tool does."""
    text = {"react": f"Thought: cheap.\nAction: Retrieve[price, 3, {written}]"}
    arguments = {"attribute": "price", "k": 3, "value": written}
    said = {
        "json": Reply(json.dumps({"thought": "cheap", "action": {"tool": "retrieve", **arguments}})),
        "react": Reply(text["react"]),
        "tools": Reply("", (ToolCall("1", "retrieve", json.dumps({"thought": "cheap", **arguments})),)),
    }
    turn = speech_called(protocol).read(said[protocol])
    assert (turn.action.tool, turn.action.arguments) == ("retrieve", arguments)
    assert number_bounds(written) is not None


def test_the_digest_is_of_the_templates_and_not_of_the_data() -> None:
    items = catalog()

    def digest(domain: str = "films", protocol: str = "json", n: int = 10) -> str:
        return make_brief(items, Facets(items), ATTRIBUTES, protocol=protocol, domain=domain, n=n).digest

    assert digest() == digest(n=5)
    assert len({digest(), digest("books"), digest(protocol="react")}) == 3


def test_values_are_told_most_frequent_first() -> None:
    brief = make_brief(catalog(), Facets(catalog()), (*ATTRIBUTES, "plot"), protocol="json", domain="films")
    assert '{"attribute": "genre", "kind": "multi-valued", "values": ["Drama", "Comedy", "Western", "Crime"]}' in (
        brief.system
    )
    assert '{"attribute": "plot", "kind": "text", "values": []}' in brief.system


def test_a_catalogue_without_tools_says_so() -> None:
    brief = make_brief(catalog(), Facets(catalog()), (), protocol="json", domain="generic")
    assert "none: only attribute null is answered" in brief.system


def test_templates_hold_no_ids_and_no_dates() -> None:
    for name in (*DOMAINS, *SPEECHES, "rules", "rank"):
        text = template(name)
        assert not re.search(r"\b(?:19|20)\d\d\b", text)
        assert text


def _ids(text: str) -> set[str]:
    return set(re.findall(r'^\{"id": "([^"]+)"', text, re.MULTILINE))


def test_demonstrations_are_made_of_the_items_at_hand() -> None:
    """Defect 7 of the released code: ids of ML-100K in ML-1M; a demonstration of Yelp that recommends films."""
    items = catalog()
    text = demonstrations(items, Facets(items), ATTRIBUTES)
    assert text.count("Example ") == 3
    assert _ids(text) <= set(ids(range(1, N_ITEMS + 1)))
    for listed in re.findall(r"^Action: Finish\[(.*)\]$", text, re.MULTILINE):
        assert set(listed.split(", ")) <= _ids(text)
    for attribute in re.findall(r"^Action: Retrieve\[(\w+),", text, re.MULTILINE):
        assert attribute in (*ATTRIBUTES, "none")


def test_demonstrations_of_another_data_set_are_others(tiny: Dataset) -> None:
    text = demonstrations(tiny.catalog, Facets(tiny.catalog), ("genre",))
    assert _ids(text) <= set(tiny.catalog.frame["item_id"])
    assert demonstrations(tiny.catalog, Facets(tiny.catalog), ("genre",)) == text
    assert demonstrations(tiny.catalog, Facets(tiny.catalog), ("genre",), seed=7) != text


def test_a_catalogue_too_small_to_show_anything_shows_nothing() -> None:
    assert demonstrations(catalog(4), Facets(catalog(4)), ("genre",)) == ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_the_same_for_everybody_stands_first(protocol: str) -> None:
    _, first = played(PlayedSurrogate(), protocol)
    _, second = played(PlayedSurrogate(0.5, 3), protocol)
    assert first.requests[0] == second.requests[0]
    assert first.requests[0].messages[0].role == "system"
