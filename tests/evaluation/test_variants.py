"""What an ablation says of its variants, and how it is drawn."""

from xml.etree import ElementTree

import numpy as np
import pytest

from toolrec_cli.evaluation.figure import svg
from toolrec_cli.evaluation.variants import Variant, VariantRow, reading, rows_of
from toolrec_cli.unseen import clean

TARGETS = np.full(60, 5)
GOOD, BAD = np.tile([5, 6], (60, 1)), np.tile([6, 7], (60, 1))


def rows(*variants: Variant) -> tuple[VariantRow, ...]:
    return rows_of(variants, TARGETS, 2, variants[0].name, seed=1)


def test_what_differs_is_told_and_what_does_not_is_counted() -> None:
    found = rows(Variant("base", BAD), Variant("<good>", GOOD, {"rounds": 3.0}), Variant("same", BAD))
    assert found[1].measured == {"rounds": 3.0}
    assert reading(found, "base", 2) == (
        "NDCG@2 runs from 0.0000 (base) to 1.0000 (<good>); the reference, base, has 0.0000 over 60 users.",
        "Told from the reference (p < 0.05, Holm): <good> +1.0000. Not told: the other 1.",
    )


def test_a_variant_may_be_compared_with_another_than_the_reference() -> None:
    found = rows(Variant("base", GOOD), Variant("worse", BAD), Variant("pair", BAD, against="worse"))
    assert [row.against for row in found] == ["", "base", "worse"]
    assert found[2].versus is not None
    assert (found[2].versus["ndcg@2"].difference, found[2].versus["ndcg@2"].p_holm) == (0.0, 1.0)
    better = rows(Variant("base", GOOD), Variant("worse", BAD), Variant("pair", GOOD, against="worse"))
    assert "pair +1.0000 against worse" in reading(better, "base", 2)[1]


def test_where_nothing_can_be_told_it_is_said_what_could_have_been() -> None:
    mixed = BAD.copy()
    mixed[:2] = GOOD[:2]
    said = reading(rows(Variant("base", BAD), Variant("other", mixed)), "base", 2)[1]
    assert said.endswith("would have been four times of five.")
    assert said.startswith("None of the 1 can be told from the reference; one of 0.06")


def test_variants_that_are_all_alike_have_no_best_and_no_power() -> None:
    assert reading(rows(Variant("base", GOOD), Variant("same", GOOD)), "base", 2) == (
        "NDCG@2 is 1.0000 by each of them, over 60 users.",
        "For no user it differs: nothing is told of the 1 but that these users do not part them.",
    )


def test_the_drawing_is_well_formed_and_names_are_text() -> None:
    drawn = svg("a < b", rows(Variant("base", BAD), Variant("<good>", GOOD)), "ndcg@2")
    root = ElementTree.fromstring(drawn)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "a < b"
    assert "<good>" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 2


@pytest.mark.parametrize("name", ["long " * 40, "w" * 48, "w" * 49, "題" * 60, "short", "half \ud800", "\ufffe"])
def test_a_name_ends_before_its_figure_and_is_whole_for_whoever_points_at_it(name: str) -> None:
    root = ElementTree.fromstring(svg("", rows(Variant("base", BAD), Variant(name, GOOD)), "ndcg@2"))
    _, shown, figure = list(root.iter("{http://www.w3.org/2000/svg}text"))[1:4]
    assert root.attrib["font-size"] == "11"
    letter = 6  # units of a letter of a sans-serif face of 11, on average; one of Chinese is 11 wide
    wide = sum(11 if ord(each) > 0x2E80 else letter for each in shown.text or "")
    assert float(shown.attrib["x"]) + wide < float(figure.attrib["x"]) - letter * len(figure.text or "")
    whole = clean(name).encode("utf-8", "replace").decode()
    assert shown.findtext("{http://www.w3.org/2000/svg}title") == whole
    assert (shown.text or "") in (whole, f"{whole[:48]}…", f"{whole[:24]}…")


def test_variants_that_are_all_alike_are_drawn_too() -> None:
    root = ElementTree.fromstring(svg("", rows(Variant("base", GOOD)), "ndcg@2"))
    (dot,) = root.iter("{http://www.w3.org/2000/svg}circle")
    assert all(0 <= float(dot.attrib[name]) <= 2000 for name in ("cx", "cy"))


def test_names_that_strangers_wrote_are_drawn_without_what_cannot_be_seen_and_all_is_in_the_picture() -> None:
    drawn = svg("\x1b[2J", rows(Variant("\u202egnp.exe]]>", BAD), Variant("long " * 40, GOOD)), "ndcg@2")
    root = ElementTree.fromstring(drawn)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:2] == ["[2J", "gnp.exe]]>"]
    assert "long " * 40 in [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for each in root.iter():
        assert all(0 <= float(each.attrib[name]) <= width for name in ("x", "x1", "x2", "cx") if name in each.attrib)
        assert all(0 <= float(each.attrib[name]) <= height for name in ("y", "y1", "y2", "cy") if name in each.attrib)
