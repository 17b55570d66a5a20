"""Small plots of plain characters: bars, columns, a curve. They scale what they are given to the screen, and nothing else."""

from collections.abc import Sequence

_ACROSS = " ▏▎▍▌▋▊▉█"
_UP = " ▁▂▃▄▅▆▇█"

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille character, by row and column."""


def bar(share: float, width: int) -> str:
    """A horizontal bar of `share` (0 to 1) of `width` characters; anything above 0 shows."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_ACROSS[rest] if rest else "")


def columns(counts: Sequence[float], height: int = 1) -> list[str]:
    """A column a count, as `height` lines from the top; the greatest fills them, and anything above 0 shows."""
    greatest = max(counts, default=0) or 1
    eighths = [max(1, round(count / greatest * height * 8)) if count > 0 else 0 for count in counts]
    return ["".join(_UP[min(max(e - 8 * line, 0), 8)] for e in eighths) for line in reversed(range(height))]


def curve(values: Sequence[float], width: int, height: int) -> list[str]:
    """A line through `values` (0 to 1, evenly spaced), in braille, as `height` lines of `width` characters from the top."""
    cells = [[0] * width for _ in range(height)]
    tall, wide = height * 4 - 1, width * 2 - 1
    previous: int | None = None
    for x in range(wide + 1):
        y = round((1 - values[round(x / wide * (len(values) - 1))]) * tall)
        low, high = (y, y) if previous is None else sorted((y, previous))
        for dot in range(low, high + 1) if low == high else range(low, high):
            cells[dot // 4][x // 2] |= _DOTS[dot % 4][x % 2]
        cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        previous = y
    return ["".join(chr(0x2800 + cell) for cell in line) for line in cells]
