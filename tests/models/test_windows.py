"""Histories cut and padded: small tables, exactly."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models.windows import Windows
from toolrec_cli.seeds import stream

FLAT = np.array([11, 12, 13, 21, 31, 32], dtype=np.int32)
OFFSETS = np.array([0, 3, 4, 4, 6])
HISTORIES = Interactions(OFFSETS, FLAT, None, None)


def of_ones(offsets: npt.NDArray[np.int64]) -> Interactions:
    return Interactions(offsets, np.ones(int(offsets[-1]), dtype=np.int32), None, None)


def test_the_newest_items_of_everybody() -> None:
    windows = Windows.newest(HISTORIES, 2)
    assert windows.starts.tolist() == [1, 3, 4, 4]
    assert windows.stops.tolist() == [3, 4, 4, 6]
    assert windows.lengths.tolist() == [2, 1, 0, 2]
    assert len(windows) == 4


def test_a_batch_is_as_wide_as_its_longest() -> None:
    batch = Windows.newest(HISTORIES, 9).padded(np.array([3, 2, 1]))
    assert batch.items.tolist() == [[31, 32], [0, 0], [21, 0]]
    assert batch.lengths.tolist() == [2, 0, 1]
    assert batch.rows.tolist() == [3, 2, 1]


def test_a_batch_is_as_wide_as_asked() -> None:
    batch = Windows.newest(HISTORIES, 9).padded(np.array([0, 0]), 5)
    assert batch.items.tolist() == [[11, 12, 13, 0, 0]] * 2


def test_times_stand_beside_the_items_and_the_newest_fills_the_padding() -> None:
    timed = Interactions(OFFSETS, FLAT, np.array([5, 6, 7, 8, 30, 31]), None)
    times = Windows.newest(timed, 2).padded(np.array([0, 1, 3])).times
    assert times is not None
    assert times.tolist() == [[6, 7], [8, 8], [30, 31]]
    assert Windows.newest(HISTORIES, 2).padded(np.array([0])).times is None


def test_nobody_and_nothing() -> None:
    assert Windows.newest(HISTORIES, 9).padded(np.array([], dtype=np.int64)).items.shape == (0, 1)
    nothing = Windows.newest(of_ones(np.array([0, 0])), 9)
    assert nothing.padded(np.array([0])).items.tolist() == [[0]]
    assert list(nothing.shuffled(stream(1), 4)) == [[0]]


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 7), st.integers(1, 4), st.integers(0, 99))
def test_an_epoch_has_every_window_once(lengths: list[int], batch_size: int, bucket: int, seed: int) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    windows = Windows.newest(of_ones(offsets), 9)
    batches = list(windows.shuffled(stream(seed), batch_size, bucket))
    assert sorted(int(row) for batch in batches for row in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert all(len(batch) <= batch_size for batch in batches)


def test_the_windows_of_a_batch_are_about_as_long() -> None:
    lengths = stream(2, "lengths").integers(0, 100, 400)
    windows = Windows(np.zeros(100, dtype=np.int32), np.zeros(400, dtype=np.int64), lengths)
    spreads = [np.ptp(lengths[batch]) for batch in windows.shuffled(stream(3), 10, 40)]
    assert max(spreads) < 10


def test_another_epoch_has_another_order_and_the_same_stream_the_same() -> None:
    windows = Windows.newest(of_ones(np.arange(51)), 9)
    one, again, other = ([b.tolist() for b in windows.shuffled(stream(1, e), 8)] for e in (1, 1, 2))
    assert one == again != other
