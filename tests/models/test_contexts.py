"""Nearest contexts, on histories short enough to be gone through by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.models import contexts, evidence
from toolrec_cli.models.contexts import AHEAD, BACK, FADE, RARITY, SEASON, WAYS, Contexts, lay_out

N = 9


def log(*users: list[int], times: list[int] | None = None) -> Interactions:
    offsets = np.concatenate([[0], np.cumsum([len(user) for user in users])]).astype(np.int64)
    items = np.array([item for user in users for item in user], np.int32)
    return Interactions(offsets, items, None if times is None else np.array(times), None)


def spoken_for(found: Contexts, history: list[int], way: str = "follows", ended: int | None = None) -> dict[int, float]:
    """item_index -> how much the neighbours speak for it, where they do."""
    (meant,) = (each for each in WAYS if each.name == way)
    total = found.neighbours(np.array(history, np.int32), ended).following(meant, N)
    return {int(item): float(total[item]) for item in np.flatnonzero(total)}


def test_what_follows_counts_less_the_later_it_does_and_the_older_the_item_that_led_there() -> None:
    found = lay_out(log([1, 2, 3]), N)
    assert spoken_for(found, [1]) == pytest.approx({2: 1.0, 3: 0.7})
    older = FADE * 1.0  # item 1 is the second newest, and as rare as item 9, which nobody has
    assert spoken_for(found, [1, 9]) == pytest.approx({2: 0.7 * older**3, 3: 0.49 * older**3})


def test_a_place_counts_by_all_that_stands_before_it_there() -> None:
    found = lay_out(log([5, 6, 1, 2], [7, 6, 1, 3]), N)
    rare, common = 1.0, 2.0**-RARITY
    each = np.array([FADE**2 * rare, FADE * common, common])  # 5, 6, 1: newest last
    each /= each.max()
    said = spoken_for(found, [5, 6, 1], "follows:at once")
    assert said == pytest.approx({2: each.sum() ** 3, 3: each[1:].sum() ** 3})


def test_in_step_is_where_the_user_is_himself() -> None:
    """Item 1 is the second newest: where it stands, the next place but one is where the user now is."""
    assert set(spoken_for(lay_out(log([1, 2, 3, 4]), N), [1, 8], "follows:in step")) == {3}


def test_nothing_is_heard_across_histories_nor_from_beyond_reach() -> None:
    found = lay_out(log([1, 2], [3, 4]), N)
    assert spoken_for(found, [2]) == {}
    assert spoken_for(found, [1]) == pytest.approx({2: 1.0})
    assert set(spoken_for(lay_out(log([1, *[2] * AHEAD, 3]), N), [1])) == {2}
    far = lay_out(log([1, *[2] * BACK, 3, 4], [3, 5]), N)
    near = lay_out(log([1, *[2] * (BACK - 1), 3, 4], [3, 5]), N)
    assert spoken_for(far, [1, 3], "follows:at once")[4] == spoken_for(far, [1, 3], "follows:at once")[5]
    assert spoken_for(near, [1, 3], "follows:at once")[4] > spoken_for(near, [1, 3], "follows:at once")[5]


def test_what_stands_before_a_place_is_heard_too() -> None:
    total = lay_out(log([4, 5, 1, 2]), N).neighbours(np.array([1], np.int32)).preceding(N)
    assert {int(item) for item in np.flatnonzero(total)} == {4, 5}
    assert total[5] > total[4]


def test_lately_the_near_in_time_count_more_whatever_the_unit() -> None:
    for unit in (1, 1000):
        times = [time * unit for time in (0, 1, 50, 51, 98, 99)]
        found = lay_out(log([1, 2], [1, 3], [1, 4], times=times), N)
        now = spoken_for(found, [1], "follows:lately", 99 * unit)
        assert now[4] > now[3] > now[2]
        assert now[4] / now[3] == pytest.approx(
            np.exp((2 / 5) / SEASON), rel=0.1
        )  # of the five gaps between interactions
        assert set(spoken_for(found, [1], "follows", 99 * unit).values()) == {1.0}


def test_without_times_lately_is_ever() -> None:
    for found, ended in (
        (lay_out(log([1, 2], [1, 3]), N), 7),
        (lay_out(log([1, 2], [1, 3], times=[1, 2, 3, 4]), N), None),
    ):
        assert spoken_for(found, [1], "follows:lately", ended) == spoken_for(found, [1], "follows", ended)


def test_nobody_and_nothing_are_no_errors() -> None:
    assert spoken_for(lay_out(log(), N), [1, 2]) == {}
    assert spoken_for(lay_out(log([1, 2]), N), []) == {}
    assert spoken_for(lay_out(log([3], [1, 2]), N), [9, 8, 1]) != {}


def test_of_a_common_item_some_places_are_looked_at_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "MOST_PLACES", 3)
    found = lay_out(log(*[[1, 2 + number // 2] for number in range(10)]), N)
    assert spoken_for(found, [1], "follows:at once") == pytest.approx({2: 1.0, 4: 1.0, 6: 1.0})


def test_of_a_long_log_every_kth_history_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "MOST_INTERACTIONS", 5)
    assert set(spoken_for(lay_out(log([1, 2], [1, 3], [1, 4], [1, 5]), N), [1])) == {2, 4}


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    known = evidence.gather(log([1, 2, 3], [1, 4], times=[1, 2, 3, 5, 9]), N)
    evidence.save(known, tmp_path / evidence.FILE)
    read = evidence.load(tmp_path / evidence.FILE).contexts
    assert read is not None
    assert known.contexts is not None
    for name in evidence.LAID_OUT:
        np.testing.assert_array_equal(getattr(read, name), getattr(known.contexts, name))
    assert read.n_items == N


def test_a_file_from_before_contexts_has_none(tmp_path: Path) -> None:
    known = replace(evidence.gather(log([1, 2, 3]), N), contexts=None)
    evidence.save(known, tmp_path / evidence.FILE)
    assert evidence.load(tmp_path / evidence.FILE).contexts is None


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_going_through_every_history_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    users = [rng.integers(1, N + 1, rng.integers(2, 30)).tolist() for _ in range(20)]
    history = rng.choice(N, 5, replace=False) + 1
    total = lay_out(log(*users), N).neighbours(history.astype(np.int32)).following(WAYS[0], N)
    np.testing.assert_allclose(total, _by_hand(users, history.tolist()), rtol=1e-9)


def _by_hand(users: list[list[int]], history: list[int]) -> npt.NDArray[np.float64]:
    counts = np.bincount(np.concatenate(users), minlength=N + 1)
    newest = history[::-1]
    worth = {item: FADE**age * max(counts[item], 1) ** -RARITY for age, item in enumerate(newest)}
    most = max(worth.values())
    total = np.zeros(N + 1)
    for user in users:
        for place, item in enumerate(user):
            if item not in newest:
                continue
            before = user[max(0, place - BACK) : place + 1]
            overlap = sum(worth.get(each, 0.0) / most for each in before)
            for step, following in enumerate(user[place + 1 : place + 1 + AHEAD]):
                total[following] += overlap**3 * 0.7 ** newest.index(item) * 0.7**step
    return total
