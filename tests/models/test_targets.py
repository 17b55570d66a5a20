"""Every interaction but everybody's first is a target exactly once, with as much before it as was asked for."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models.targets import TargetWindows, target_windows

lengths = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(lambda found: max(found) >= 2)


def cut(lengths: list[int], max_length: int, targets: str = "all", context: float = 0.5) -> TargetWindows:
    """Windows over histories of such lengths, in which every item says where it stands (from 1 on)."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    return target_windows(Interactions(offsets, items, None, None), max_length, targets, context)


def learnt(found: TargetWindows) -> list[int]:
    lessons = found.lessons(np.arange(len(found)))
    return lessons.items[lessons.learnt].tolist()


@given(lengths, st.integers(1, 9), st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_every_interaction_but_the_first_is_a_target_exactly_once(
    lengths: list[int], max_length: int, context: float
) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    firsts = {int(begin) + 1 for begin, length in zip(offsets[:-1], lengths, strict=True) if length}
    found = cut(lengths, max_length, context=context)
    assert sorted(learnt(found)) == sorted(set(range(1, int(offsets[-1]) + 1)) - firsts)
    assert found.n_targets == sum(max(0, length - 1) for length in lengths)


@given(lengths, st.integers(1, 9), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from(["all", "newest"]))
def test_a_window_stays_in_its_history_and_has_something_before_each_target(
    lengths: list[int], max_length: int, context: float, targets: str
) -> None:
    found = cut(lengths, max_length, targets, context)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    windows = found.windows
    assert (owner[windows.starts] == owner[windows.stops - 1]).all()
    assert (windows.lengths <= max_length + 1).all()
    assert (found.fresh >= 1).all()
    assert (found.fresh < windows.lengths).all()


@given(lengths, st.integers(1, 9))
def test_the_newest_are_everybodys_last_ones_in_one_window(lengths: list[int], max_length: int) -> None:
    found = cut(lengths, max_length, "newest")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    expected = [
        place for begin, end in pairwise(offsets) for place in range(max(begin + 1, end - max_length) + 1, end + 1)
    ]
    assert learnt(found) == expected
    assert len(found) == sum(length >= 2 for length in lengths)


def test_a_long_history_by_hand() -> None:
    found = cut([11], 4, context=0.5)
    assert found.windows.starts.tolist() == [6, 4, 2, 0]
    assert found.windows.stops.tolist() == [11, 9, 7, 5]
    assert found.fresh.tolist() == [2, 2, 2, 4]


def test_without_context_windows_meet_end_to_end() -> None:
    found = cut([11], 4, context=0.0)
    assert found.windows.starts.tolist() == [6, 2, 0]
    assert found.windows.stops.tolist() == [11, 7, 3]
    assert found.fresh.tolist() == [4, 4, 2]


def test_inputs_and_next_items_by_hand() -> None:
    items, sizes, targets = cut([6, 3], 4, context=0.5).lessons(np.array([0, 2])).next_items()
    assert items.tolist() == [[2, 3, 4, 5], [7, 8, 9, 0]]
    assert sizes.tolist() == [4, 2]
    assert targets.tolist() == [[0, 0, 5, 6], [8, 9, 0, 0]]
    assert targets.dtype == torch.int64


def test_nobody_with_two_interactions_is_refused() -> None:
    with pytest.raises(InputError, match="Nobody has two interactions"):
        cut([1, 0, 1], 4)


def test_a_misspelt_choice_gets_the_near_miss() -> None:
    with pytest.raises(UsageError, match="Did you mean 'newest'"):
        cut([5], 4, "newst")


@given(lengths, st.integers(1, 9))
def test_one_by_one_each_target_ends_a_window_of_its_own_in_the_same_order(lengths: list[int], max_length: int) -> None:
    found = cut(lengths, max_length, context=0.0)
    alone = found.one_by_one()
    assert learnt(alone) == learnt(found)
    assert (alone.fresh == 1).all()
    assert learnt(alone) == alone.windows.items[alone.windows.stops - 1].tolist()
    assert alone.windows.starts.tolist() == np.repeat(found.windows.starts, found.fresh).tolist()


def test_the_newest_targets_of_a_window_are_its_last() -> None:
    assert learnt(cut([11], 4, context=0.5).newest(1)) == [11, 9, 7, 5]


def test_no_target_tells_when_it_is_in_the_padding_either() -> None:
    items = np.arange(1, 8, dtype=np.int32)
    histories = Interactions(np.array([0, 4, 6, 7]), items, np.array([10, 20, 30, 40, 50, 60, 70]), None)
    lessons = target_windows(histories, 9).lessons(np.array([0, 1]))
    assert lessons.input_times is not None
    assert lessons.input_times.tolist() == [[10, 20, 30], [50, 50, 50]]
