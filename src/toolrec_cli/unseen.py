"""What cannot be seen in a text, yet moves a cursor, turns text round or hides in it: strangers' text is shown without."""

import re

_RANGES = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls; those that end a line or leave room are spaces by then
    "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # format characters
    "\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0000-\U000e0fff"  # joiners, variation selectors, tags
    "\u115f\u1160\u2800\u3164\uffa0"  # letters that are blank
    "\ufffe\uffff"  # no characters at all: no XML may hold them
)
"""Default_Ignorable_Code_Point of Unicode 17, every Cc and Cf besides, and what is drawn as nothing. Format characters that are
drawn stay (U+0600, the Arabic number sign, and its like). Joiners go too, although a family of emoji then falls into its members.
"""

_UNSEEN = re.compile(f"[{_RANGES}]")


def clean(text: str) -> str:
    """Strangers' text without what cannot be seen, on one line."""
    return _UNSEEN.sub("", text.replace("\n", " ").replace("\t", " ").replace("\r", " "))
