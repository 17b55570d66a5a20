"""Strangers' text without what cannot be seen: held to what Unicode says of every code point."""

import sys
import unicodedata

import pytest

from toolrec_cli.unseen import clean

DRAWN = {0x06DD, 0x070F, 0x08E2, 0x0890, 0x0891, 0x110BD, 0x110CD, *range(0x0600, 0x0606)}
"""Format characters that can be seen: signs that are drawn round or below the digits after them."""


def test_of_controls_and_format_characters_only_those_that_are_drawn_are_left() -> None:
    kinds = {"Cc", "Cf", "Zl", "Zp"}
    left = {n for n in range(sys.maxunicode + 1) if unicodedata.category(c := chr(n)) in kinds and clean(c) == c}
    assert left == DRAWN


@pytest.mark.parametrize(
    "hidden",
    [
        *("\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180f", "\u2800", "\u3164", "\uffa0", "\ufff0", "\uffff"),
        *("\ufe00", "\ufe0f", "\U000e0000", "\U000e0100", "\U000e01ef", "\U000e0fff"),
    ],
)
def test_blank_letters_and_selectors_hide_nothing(hidden: str) -> None:
    assert clean(f"a{hidden}b") == "ab"


def test_lines_are_one_and_what_can_be_seen_stays() -> None:
    assert clean("a\r\nb\tc") == "a  b c"
    for text in ("Amélie", "漢字　題", "ﷺ", "नमस्ते", "سلام", "😀", "\u00a0", "Z\u0351\u036b", "한국"):
        assert clean(text) == text
    assert clean("👨\u200d👩\u200d👧 ❤\ufe0f") == "👨👩👧 ❤"
