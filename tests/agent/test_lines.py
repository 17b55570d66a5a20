"""Lines that are made once are those that are made anew each time, to the byte."""

import gc
from dataclasses import replace

import polars as pl
import pytest
from pydantic import TypeAdapter

from agent.hostile import HOSTILE
from toolrec_cli.agent import lines, quoting
from toolrec_cli.agent.trajectory import ItemCard
from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from tools.small_world import N_ITEMS, catalog

MORE: list[dict[str, object]] = [
    {},
    {"rating": 4.5},
    {"by": ["retrieve:none", "rank:</system>"]},
    {"by": [], "rating": 1},
]


@pytest.mark.parametrize("more", MORE, ids=str)
@pytest.mark.parametrize("text", HOSTILE, ids=range(40))
def test_a_kept_line_is_that_of_quoting(text: str, more: dict[str, object]) -> None:
    for attributes in ({}, {"genre": ["Drama", text]}, {"by": text, "rating": 1.0, "id": "7"}, {text: 5.0}):
        card = ItemCard(text, attributes)  # type: ignore[arg-type]
        for _ in range(2):
            assert lines.of_card("7", card, **more) == quoting.item("7", text, attributes, **more)
        assert lines.of_card(text, card, **more) == quoting.item(text, text, attributes, **more)


def test_what_is_kept_is_no_part_of_the_card() -> None:
    card, fresh = ItemCard("Alpha", {"year": 1951}), ItemCard("Alpha", {"year": 1951})
    lines.of_card("101", card)
    assert (card, repr(card)) == (fresh, repr(fresh))
    assert TypeAdapter(ItemCard).dump_json(card) == TypeAdapter(ItemCard).dump_json(fresh)
    assert lines.of_card("101", replace(card, title="Bravo")) == quoting.item("101", "Bravo", {"year": 1951})


def test_each_catalogue_has_its_own_lines_and_they_go_with_it() -> None:
    items = catalog()
    other = Catalog(
        pl.DataFrame({"item_id": ["101"], "title": ["Other"]}), [Attribute("x", Kind.CATEGORICAL, 0.0, 0)][:0]
    )
    for item in range(1, N_ITEMS + 1):
        told = quoting.item(items.item_id(item), items.title(item), items.described(item), by=["rank:none"])
        assert lines.of_catalog(items, item, by=["rank:none"]) == told
    assert lines.of_catalog(other, 1) == '{"id": "101", "title": "Other"}'
    kept = len(lines._OF_CATALOG)
    del items
    gc.collect()
    assert len(lines._OF_CATALOG) < kept
