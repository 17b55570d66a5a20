"""The same lists, counted in eight ways; every figure of the table by hand."""

import numpy as np
import pytest

from toolrec_cli.evaluation.audit import STRICT, Counting, Handed, every_way, reading, score, survivors
from toolrec_cli.evaluation.metrics import score as strict_score

LISTS = np.array(
    [
        [5, 6],  # a hit, full
        [7, 5],  # 7 is of the history: masked, the hit moves up
        [5, 5],  # named twice
        [99, 5],  # 99 is no item
        [0, 0],  # no list
    ]
)
OWNED = LISTS == 7
HANDED = Handed(LISTS, OWNED, np.full(5, 5), n_items=10)
SECOND = 1 / np.log2(3)


@pytest.mark.parametrize(
    ("counting", "n", "recall", "ndcg"),
    [
        (STRICT, 5, 4 / 5, (1 + 1 + 1 + SECOND) / 5),
        (Counting(False, False, False), 5, 4 / 5, (1 + SECOND + 1 + SECOND) / 5),
        (Counting(False, True, True), 5, 5 / 5, (1 + 1 + 1 + SECOND + SECOND) / 5),
        (Counting(False, False, True), 5, 5 / 5, (1 + SECOND + 1 + SECOND + SECOND) / 5),
        (Counting(True, True, False), 2, 1.0, 1.0),
        (Counting(True, False, False), 2, 1.0, (1 + SECOND) / 2),
        (Counting(True, True, True), 2, 1.0, 1.0),
        (Counting(True, False, True), 2, 1.0, (1 + SECOND) / 2),
    ],
)
def test_every_way_by_hand(counting: Counting, n: int, recall: float, ndcg: float) -> None:
    found = {row.counting: row for row in every_way(HANDED, 2, seed=1)}[counting]
    assert found.n_users == n
    assert found.metrics["recall@2"].mean == pytest.approx(recall)
    assert found.metrics["ndcg@2"].mean == pytest.approx(ndcg)


def test_who_survives() -> None:
    """Defect 4 of the released code deletes the rest before averaging."""
    assert survivors(HANDED, 2).tolist() == [True, True, False, False, False]


def test_an_item_named_twice_can_hit_twice_only_where_that_is_allowed() -> None:
    """Defect 5 of the released code: Recall above 1."""
    assert score(HANDED, Counting(False, True, True), 2)["recall@2"][2] == 2.0
    assert score(HANDED, STRICT, 2)["recall@2"][2] == 1.0


def test_strictly_is_how_eval_counts() -> None:
    clean = np.where(OWNED, 0, LISTS)
    for name, values in score(HANDED, STRICT, 2).items():
        np.testing.assert_allclose(values, strict_score(clean, HANDED.targets, [2])[name])


def test_the_reading_says_how_much_is_counting() -> None:
    first, second = reading(every_way(HANDED, 2, seed=1), 2)
    assert "NDCG@2 is 0.7262 over 5 users" in first
    assert "27.4 % of that figure is counting" in first
    assert second == "One choice at a time: survivors only +0.2738, history left in -0.0738, repeats kept +0.1262."


def test_where_nobody_survives_the_rest_is_told() -> None:
    nobody = Handed(LISTS[4:], OWNED[4:], np.array([5]), 10)
    rows = every_way(nobody, 2, seed=1)
    assert len(rows) == 4
    assert "survivors only: nobody is left" in reading(rows, 2)[1]


def test_a_claim_that_owes_nothing_to_counting_says_so() -> None:
    clean = Handed(LISTS[:1], OWNED[:1], np.array([5]), 10)
    assert reading(every_way(clean, 2, seed=1), 2)[0] == "Every way gives NDCG@2 1.0000: nothing of it is counting."
