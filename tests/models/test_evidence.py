"""What goes with what, counted by hand."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy

from toolrec_cli.data.interactions import Interactions
from toolrec_cli.errors import InputError
from toolrec_cli.models import evidence
from toolrec_cli.models.evidence import COMPANY, EASE_PENALTY, PRIOR, STEP_HALF_LIFE, Evidence, Sparse, gather

N = 4


def histories(*users: list[int], times: list[int] | None = None) -> Interactions:
    lengths = [len(user) for user in users]
    items = np.array([item for user in users for item in user], np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Interactions(offsets, items, None if times is None else np.array(times), None)


LOG = histories([1, 2, 3], [1, 2], [], [2, 1, 2])


@pytest.fixture(scope="module")
def counted() -> Evidence:
    return gather(LOG, N)


def dense(table: Sparse) -> npt.NDArray[np.float64]:
    found = np.zeros((len(table.starts) - 1, len(table.starts) - 1))
    for row in range(len(found)):
        part = slice(table.starts[row], table.starts[row + 1])
        found[row, table.columns[part]] = table.values[part]
    return found


def test_transitions_are_counted_within_a_history_and_both_ways(counted: Evidence) -> None:
    pairs = np.zeros((N + 1, N + 1))
    for earlier, later in [(1, 2), (2, 3), (1, 2), (2, 1), (1, 2)]:
        pairs[earlier, later] += 1
    for table, counts in ((counted.forward, pairs), (counted.backward, pairs.T)):
        expected = counts / (counts.sum(axis=1, keepdims=True) + PRIOR)
        np.testing.assert_allclose(dense(table), expected, rtol=1e-6)


def test_company_counts_every_pair_nearby_less_the_further_apart(counted: Evidence) -> None:
    def near(distance: int) -> float:
        return 0.5 ** (distance / STEP_HALF_LIFE)

    found = dense(counted.company)
    assert found[1, 2] == pytest.approx(4 * near(1) / np.sqrt(3 * 4))
    assert found[1, 3] == pytest.approx(near(2) / np.sqrt(3 * 1))
    assert found[2, 2] == pytest.approx(2 * near(2) / 4)
    np.testing.assert_allclose(found, found.T)
    assert not found[:, 0].any()
    assert not found[4].any()


def test_company_ends_at_its_reach() -> None:
    far = gather(histories([1, *[2] * COMPANY, 3]), 3)
    assert dense(far.company)[1, 3] == 0
    assert dense(gather(histories([1, *[2] * (COMPANY - 1), 3]), 3).company)[1, 3] > 0


def test_popularity_is_smoothed_by_one_and_trend_is_its_change(counted: Evidence) -> None:
    np.testing.assert_allclose(counted.popularity, np.array([1, 4, 5, 2, 1]) / 13, rtol=1e-6)
    timed = gather(histories([1, 2], [1, 3], times=[1, 2, 3, 90]), 3)
    now = np.array([1, 1, 1, 2]) / 5
    np.testing.assert_allclose(timed.trend, np.log(now / timed.popularity), rtol=1e-5)


def test_without_times_the_end_of_every_history_is_what_is_new() -> None:
    found = gather(histories([1] * 9 + [2], [1] * 9 + [3]), 3)
    assert found.trend[2] == found.trend[3] > 0 > found.trend[1]


def test_ease_is_its_closed_form(counted: Evidence) -> None:
    met = np.zeros((4, N + 1))
    for user, items in enumerate(([1, 2, 3], [1, 2], [], [2, 1])):
        met[user, items] = 1
    inverse = np.linalg.inv(met.T @ met + EASE_PENALTY * np.eye(N + 1))
    expected = np.where(np.eye(N + 1, dtype=bool), 0.0, -inverse / np.diag(inverse))
    expected[0] = expected[:, 0] = 0.0
    np.testing.assert_allclose(counted.ease, expected, atol=1e-7)


def test_a_big_catalogue_does_without_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "EASE_LIMIT", N - 1)
    assert gather(LOG, N).ease is None


def test_a_log_in_pieces_counts_the_same(counted: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "_PAIRS_HELD", 2)
    again = gather(LOG, N)
    for name in ("forward", "backward", "company"):
        np.testing.assert_allclose(dense(getattr(again, name)), dense(getattr(counted, name)), rtol=1e-6)


def test_what_was_saved_is_read(counted: Evidence, tmp_path: Path) -> None:
    evidence.save(counted, tmp_path / evidence.FILE)
    found = evidence.load(tmp_path / evidence.FILE)
    for name in ("forward", "backward", "company"):
        np.testing.assert_array_equal(dense(getattr(found, name)), dense(getattr(counted, name)))
    np.testing.assert_array_equal(found.popularity, counted.popularity)
    np.testing.assert_allclose(found.ease, counted.ease, atol=1e-5)  # type: ignore[arg-type]


def test_a_file_that_is_cut_off_is_refused(counted: Evidence, tmp_path: Path) -> None:
    path = tmp_path / evidence.FILE
    evidence.save(counted, path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"evidence\.safetensors is missing or cut off"):
        evidence.load(path)
    safetensors.numpy.save_file({"popularity": counted.popularity}, path)
    with pytest.raises(InputError, match=r"lacks backward\.starts, company\.starts, forward\.starts, trend"):
        evidence.load(path)
    path.unlink()
    with pytest.raises(InputError, match="missing or cut off"):
        evidence.load(path)
