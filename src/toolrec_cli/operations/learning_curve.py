"""How a training went, as an SVG of its own: validation NDCG@10 and loss by epoch."""

from collections.abc import Sequence

from toolrec_cli.evaluation.figure import safe
from toolrec_cli.models.epochs import Epoch

FILE = "learning-curve.svg"

WIDTH, HEIGHT = 640, 440
_LEFT, _RIGHT = 70, 20
_TALL = 150
"""Of each of the two plots, in pixels."""

_LINE, _BEST, _GREY = "#1f6f8b", "#c2452d", "#777777"

Point = tuple[float, float]


def svg(epochs: Sequence[Epoch], title: str) -> str:
    """The picture; `title` may be strangers' text. The best epoch is marked."""
    scores = [(float(e.epoch), e.ndcg) for e in epochs]
    losses = [(float(e.epoch), e.loss) for e in epochs if e.loss is not None]
    first, last = scores[0][0], scores[-1][0]
    best = max((e for e in epochs if e.best), key=lambda e: e.ndcg)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(_LEFT, 22, title, size=14),
        *_plot(scores, (first, last), 50, "validation NDCG@10", 4),
        *_plot(losses, (first, last), 260, "loss", 3),
        _dot((float(best.epoch), best.ndcg), scores, (first, last), 50),
        _text(
            _LEFT, HEIGHT - 6, f"epochs {first:.0f} to {last:.0f}; best {best.ndcg:.4f} at epoch {best.epoch}", _BEST
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _plot(points: Sequence[Point], span: Point, top: int, label: str, digits: int) -> list[str]:
    """One line with its name, its frame, and its lowest and highest value beside it."""
    low, high = (min((y for _, y in points), default=0.0), max((y for _, y in points), default=0.0))
    places = [_place(point, (low, high), span, top) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    wide = WIDTH - _LEFT - _RIGHT
    return [
        _text(_LEFT, top - 6, label, _GREY),
        f'<rect x="{_LEFT}" y="{top}" width="{wide}" height="{_TALL}" fill="none" stroke="#dddddd"/>',
        f'<polyline points="{line}" fill="none" stroke="{_LINE}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_LINE}"/>' for x, y in places),
        _text(_LEFT - 6, top + 10, f"{high:.{digits}f}", _GREY, anchor="end"),
        _text(_LEFT - 6, top + _TALL, f"{low:.{digits}f}", _GREY, anchor="end"),
    ]


def _dot(point: Point, points: Sequence[Point], span: Point, top: int) -> str:
    heights = [y for _, y in points]
    x, y = _place(point, (min(heights), max(heights)), span, top)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="{_BEST}" stroke-width="2"/>'


def _place(point: Point, heights: Point, span: Point, top: int) -> Point:
    """Where a point lies in the picture: x over `span`, y between the lowest and the highest of `heights`."""
    x = (point[0] - span[0]) / ((span[1] - span[0]) or 1.0)
    y = (point[1] - heights[0]) / ((heights[1] - heights[0]) or 1.0)
    return _LEFT + x * (WIDTH - _LEFT - _RIGHT), top + (1 - y) * _TALL


def _text(x: int, y: int, said: str, colour: str = "black", *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">{safe(said)}</text>'
