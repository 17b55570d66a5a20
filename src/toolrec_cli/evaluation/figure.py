"""A plot as an SVG document: means with their intervals, one line a variant. Plain shapes and text, nothing to install."""

from collections.abc import Sequence
from html import escape
from unicodedata import east_asian_width

from toolrec_cli.evaluation.report import Row
from toolrec_cli.evaluation.variants import VariantRow
from toolrec_cli.unseen import clean

WIDTH = 360
"""Of the picture, in its own unit: as wide as a telephone's screen, so that its letters can be read there."""

_EDGE, _LINE, _TOP, _BOTTOM = 8, 34, 10, 26

_ROOM = 48
"""Letters of a name that have room beside its figure; a letter of Chinese, and a wide picture, is as wide as two."""


def svg(title: str, rows: Sequence[Row | VariantRow], metric: str) -> str:
    """Dots and whiskers of `metric`, each below its name and scaled to what there is; names and title may be strangers' text."""
    spread = [row.metrics[metric] for row in rows]
    low, high = min(each.low for each in spread), max(each.high for each in spread)
    width = (high - low) or 1.0
    top = _TOP + (20 if title else 0)
    base = top + _LINE * len(rows) + 4

    def x(value: float) -> str:
        return f"{_EDGE + (WIDTH - 2 * _EDGE) * (value - low) / width:.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {base + _BOTTOM}" width="{WIDTH * 3 // 2}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    lines += [f'<text x="{_EDGE}" y="18" font-size="12">{_name(title)}</text>'] if title else []
    for place, (row, each) in enumerate(zip(rows, spread, strict=True)):
        y = top + _LINE * place
        colour = "#888888" if row.versus is None else "#1f6fb2"
        lines += [
            f'<text x="{_EDGE}" y="{y + 10}">{_name(row.name)}</text>',
            f'<text x="{WIDTH - _EDGE}" y="{y + 10}" text-anchor="end">{each.mean:.4f}</text>',
            f'<line x1="{x(each.low)}" x2="{x(each.high)}" y1="{y + 20}" y2="{y + 20}" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{x(each.mean)}" cy="{y + 20}" r="4" fill="{colour}"/>',
        ]
    lines += [f'<line x1="{_EDGE}" x2="{WIDTH - _EDGE}" y1="{base}" y2="{base}" stroke="#888888"/>']
    for value, anchor in ((low, "start"), ((low + high) / 2, "middle"), (high, "end")):
        lines.append(f'<text x="{x(value)}" y="{base + 15}" text-anchor="{anchor}">{value:.3f}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def safe(text: str) -> str:
    """Strangers' text as it may stand in an SVG: half a character of somebody's JSON is none."""
    return escape(clean(text).encode("utf-8", "replace").decode())


def _name(text: str) -> str:
    """As much as there is room for, and the whole for whoever points at it."""
    return f"{safe(_shortened(text))}<title>{safe(text)}</title>"


def _shortened(text: str) -> str:
    whole, width = clean(text), 0
    for place, letter in enumerate(whole):
        width += 2 if east_asian_width(letter) in "WF" else 1
        if width > _ROOM:
            return f"{whole[:place]}…"
    return whole
