"""A plot as an SVG document: means with their intervals, one line a variant. Plain shapes and text, nothing to install."""

from collections.abc import Sequence
from html import escape

from toolrec_cli.evaluation.variants import VariantRow

_LEFT, _WIDTH, _LINE, _TOP, _BOTTOM = 220, 480, 24, 44, 34


def svg(title: str, rows: Sequence[VariantRow], metric: str) -> str:
    """Dots and whiskers of `metric`, scaled to what there is."""
    spread = [row.metrics[metric] for row in rows]
    low, high = min(each.low for each in spread), max(each.high for each in spread)
    width = (high - low) or 1.0
    height = _TOP + _LINE * len(rows) + _BOTTOM

    def x(value: float) -> str:
        return f"{_LEFT + _WIDTH * (value - low) / width:.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    for place, (row, each) in enumerate(zip(rows, spread, strict=True)):
        y = _TOP + _LINE * place + _LINE // 2
        colour = "#888888" if row.versus is None else "#1f6fb2"
        lines += [
            f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(row.name)}</text>',
            f'<line x1="{x(each.low)}" x2="{x(each.high)}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{x(each.mean)}" cy="{y}" r="4" fill="{colour}"/>',
            f'<text x="{_LEFT + _WIDTH + 12}" y="{y + 4}">{each.mean:.4f}</text>',
        ]
    base = height - _BOTTOM + 6
    lines += [f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{base}" y2="{base}" stroke="#444444"/>']
    lines += [
        f'<text x="{x(value)}" y="{base + 16}" text-anchor="middle">{value:.3f}</text>'
        for value in (low, (low + high) / 2, high)
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"
