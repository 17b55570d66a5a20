"""A report's rows: everybody asked is in the denominator, and methods are compared user by user."""

import numpy as np
import pytest

from toolrec_cli.evaluation.report import compare, hit_interval
from toolrec_cli.evaluation.rows import padded

TARGETS = np.array([5, 5, 5, 5])
LISTS = {
    "sasrec": np.array([[5, 6], [6, 5], [6, 7], [0, 0]]),
    "surrogate": np.array([[5, 6], [5, 6], [5, 0], [0, 0]]),
}


def _means(k: int = 2) -> dict[str, dict[str, float]]:
    rows, _ = compare(LISTS, TARGETS, [k], "sasrec", seed=1)
    return {row.name: {name: found.mean for name, found in row.metrics.items()} for row in rows}


def test_means_are_over_everybody_lists_that_failed_too() -> None:
    """Defect 4 of the released code: users with short, malformed or missing lists are deleted before averaging."""
    ndcg = (1 + 1 / np.log2(3)) / 4
    assert _means() == {
        "sasrec": {"recall@2": 0.5, "ndcg@2": pytest.approx(ndcg), "mrr@2": 0.375, "hit@2": 0.5, "map@2": 0.375},
        "surrogate": {"recall@2": 0.75, "ndcg@2": 0.75, "mrr@2": 0.75, "hit@2": 0.75, "map@2": 0.75},
    }


def test_one_more_failure_lowers_the_mean() -> None:
    longer = {name: np.vstack([found, [0, 0]]) for name, found in LISTS.items()}
    rows, values = compare(longer, np.append(TARGETS, 5), [2], "sasrec", seed=1)
    assert rows[1].metrics["recall@2"].mean == pytest.approx(0.6)
    assert [len(found) for metrics in values.values() for found in metrics.values()] == [5] * 10


def test_nobody_with_a_list_is_a_mean_of_zero_and_not_an_error() -> None:
    rows, _ = compare({"sasrec": np.zeros((3, 2), dtype=np.int64)}, np.array([5, 5, 5]), [2], "sasrec", seed=1)
    assert (rows[0].metrics["ndcg@2"].mean, rows[0].metrics["ndcg@2"].high) == (0.0, 0.0)


def test_values_by_user_are_what_the_means_are_of() -> None:
    rows, values = compare(LISTS, TARGETS, [1, 2], "sasrec", seed=1)
    assert values["sasrec"]["recall@2"].tolist() == [1, 1, 0, 0]
    assert values["surrogate"]["hit@1"].tolist() == [1, 1, 1, 0]
    for row in rows:
        assert {name: found.mean for name, found in row.metrics.items()} == {
            name: pytest.approx(found.mean()) for name, found in values[row.name].items()
        }
        assert all(found.low <= found.mean <= found.high for found in row.metrics.values())


def test_every_row_but_the_baseline_is_compared_with_it_user_by_user() -> None:
    rows, values = compare(LISTS, TARGETS, [2], "sasrec", seed=1)
    by_name = {row.name: row for row in rows}
    assert by_name["sasrec"].versus is None
    versus = by_name["surrogate"].versus
    assert versus is not None
    for metric, found in versus.items():
        gain = values["surrogate"][metric] - values["sasrec"][metric]
        assert found.difference == pytest.approx(gain.mean())
        assert found.low <= found.difference <= found.high
        assert 0 < found.p_value <= 1


def test_rows_keep_their_order_and_any_of_them_may_be_the_baseline() -> None:
    rows, _ = compare(LISTS, TARGETS, [2], "surrogate", seed=1)
    assert [(row.name, row.versus is None) for row in rows] == [("sasrec", False), ("surrogate", True)]


def test_the_same_seed_says_the_same() -> None:
    assert compare(LISTS, TARGETS, [2], "sasrec", seed=3)[0] == compare(LISTS, TARGETS, [2], "sasrec", seed=3)[0]


def test_a_row_that_is_the_same_as_the_baseline_differs_by_nothing() -> None:
    rows, _ = compare({"a": LISTS["sasrec"], "b": LISTS["sasrec"]}, TARGETS, [2], "a", seed=1)
    assert rows[1].versus is not None
    same = rows[1].versus["ndcg@2"]
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_the_share_of_users_with_a_hit() -> None:
    found = hit_interval(np.array([True, False, True, True]), seed=1)
    assert found.mean == 0.75
    assert 0 <= found.low <= 0.75 <= found.high <= 1


@pytest.mark.parametrize(
    ("items", "row"),
    [([3, 1], [3, 1, 0, 0]), ([], [0, 0, 0, 0]), ([9, 8, 7, 6], [9, 8, 7, 6]), ([9, 8, 7, 6, 5], [9, 8, 7, 6])],
)
def test_a_short_list_is_padded_with_nothing_and_a_long_one_cut(items: list[int], row: list[int]) -> None:
    assert padded(items, 4).tolist() == row
    assert padded(np.array(items, dtype=np.int64), 4).tolist() == row
