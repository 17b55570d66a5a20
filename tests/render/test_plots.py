"""Bars, columns and curves of plain characters."""

import pytest

from toolrec_cli.render.plots import bar, columns, curve


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        (0, ""),
        (0.0001, "▏"),
        (0.25, "█"),
        (0.5, "██"),
        (0.53125, "██▏"),
        (0.96875, "███▉"),
        (1, "████"),
        (2, "████"),
        (-1, ""),
    ],
)
def test_a_bar(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


@pytest.mark.parametrize(
    ("counts", "height", "drawn"),
    [
        ([], 1, [""]),
        ([0, 0], 1, ["  "]),
        ([0, 1, 1000, 2000], 1, [" ▁▄█"]),
        ([1, 2, 3, 4], 2, ["  ▄█", "▄███"]),
        ([7], 3, ["█", "█", "█"]),
    ],
)
def test_columns(counts: list[int], height: int, drawn: list[str]) -> None:
    assert columns(counts, height) == drawn


def test_a_curve_from_the_lower_left_to_the_upper_right() -> None:
    assert curve([0.0, 1.0], 1, 1) == ["⡸"]
    assert curve([0.0, 0.5, 1.0], 2, 1) == ["⡠⠜"]
    assert curve([1.0, 1.0], 3, 2) == ["⠉⠉⠉", "⠀⠀⠀"]
    assert curve([0.0], 2, 2) == ["⠀⠀", "⣀⣀"]


def test_a_steep_curve_has_no_gap() -> None:
    """Every line between the first and the last has a dot."""
    drawn = curve([0.0] * 10 + [1.0] * 10, 10, 6)
    assert all(any(cell != "⠀" for cell in line) for line in drawn)
