"""What an encoder reads of an item: small tables, exactly; and which attributes it cannot learn from."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.errors import UsageError
from toolrec_cli.models.features import (
    MAX_GRAMS,
    MAX_LABELS,
    MISSING,
    N_BUCKETS,
    N_HASHES,
    ItemFeatures,
    hashed_grams,
    item_features,
)


def features(kind: Kind, values: list[Any]) -> ItemFeatures:
    """The features of a catalogue with this one attribute, "a"."""
    column = pl.Series("a", values)
    known = column.drop_nulls()
    n_values = (known.explode() if kind is Kind.MULTI else known).n_unique()
    names = [f"i{row}" for row in range(len(values))]
    frame = pl.DataFrame({"item_id": names, "title": names, "a": column})
    return item_features(Catalog(frame, [Attribute("a", kind, len(known) / len(values), n_values)]), "a")


def lists(found: ItemFeatures) -> list[list[int]]:
    """Everybody's labels, by item_index."""
    return [found.of(item) for item in range(len(found.numbers))]


def test_labels_of_several_values() -> None:
    found = features(Kind.MULTI, [["war", "spy"], None, ["spy"], ["love", "spy", "war"]])
    assert lists(found) == [[], [4, 3], [MISSING], [3], [2, 3, 4]]
    assert found.numbers.tolist() == [0.0] * 5
    assert found.n_labels == 5


def test_labels_of_one_value() -> None:
    found = features(Kind.CATEGORICAL, ["red", "blue", None, "red"])
    assert lists(found) == [[], [3], [2], [MISSING], [3]]
    assert found.numbers.tolist() == [0.0] * 5
    assert found.n_labels == 4


def test_a_number_is_a_bucket_and_a_standardised_value() -> None:
    found = features(Kind.NUMERIC, [1, 2, 3, None])
    assert lists(found) == [[], [2], [3], [4], [MISSING]]
    assert found.numbers.tolist() == pytest.approx([0, -(1.5**0.5), 0, 1.5**0.5, 0])
    assert found.n_labels == MISSING + 3 + 1


def test_buckets_hold_about_as_many_items_each() -> None:
    found = features(Kind.NUMERIC, list(range(64)))
    counts = np.bincount([found.of(item)[0] for item in range(1, 65)])[MISSING + 1 :]
    assert counts.tolist() == [4] * N_BUCKETS


def test_a_value_that_most_items_share_takes_fewer_buckets() -> None:
    found = features(Kind.NUMERIC, [0] * 98 + list(range(1, 40)))
    assert len({label for labels in lists(found) for label in labels}) < N_BUCKETS
    assert found.numbers[1:].unique().numel() == 40


@pytest.mark.parametrize("levels", [[1, 2, 3, 4, 5], [0, 6, 12, 16, 18], [-1.5, 0.25]])
def test_of_few_values_every_one_is_a_bucket_however_rare(levels: list[float]) -> None:
    """Stars, age limits: an order, not a quantity."""
    found = features(Kind.NUMERIC, [levels[0]] * 500 + levels)
    assert lists(found)[501:] == [[MISSING + 1 + k] for k in range(len(levels))]


def test_dates_are_numbers_of_days() -> None:
    found = features(Kind.DATE, ["2001-01-01", "2001-01-03", None, "2001-01-02"])
    assert lists(found)[1:] == [[2], [4], [MISSING], [3]]
    assert found.numbers[1:].tolist() == pytest.approx([-(1.5**0.5), 1.5**0.5, 0, 0])


def test_the_logarithm_is_taken_of_a_long_tail_only() -> None:
    tail = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 5000.0]
    logs = np.log1p(tail)
    assert features(Kind.NUMERIC, tail).numbers[1:].tolist() == pytest.approx((logs - logs.mean()) / logs.std())
    debts = np.array([-1.0, *tail])
    found = features(Kind.NUMERIC, debts.tolist()).numbers[1:].tolist()
    assert found == pytest.approx((debts - debts.mean()) / debts.std())


def test_words_of_a_text_whatever_their_case_and_order() -> None:
    found = lists(features(Kind.TEXT, ["The cat, the dog.", "dog THE cat", "A cat", None, "?!"]))
    assert found[1] == found[2] == hashed_grams("the cat dog")
    assert len(found[1]) == 3 * 4  # <cat> and <ca, cat, at>; of the other two alike
    assert set(found[1]) & set(found[3]) == set(hashed_grams("cat"))
    assert found[4] == found[5] == [MISSING]


def test_of_labels_all_weigh_alike_and_of_words_the_rare_ones_more() -> None:
    assert features(Kind.MULTI, [["war", "spy"], ["spy"]]).weights.tolist() == [0.5, 0.5, 1.0]
    found = features(Kind.TEXT, ["a b", "a c", "a d", "a"])
    weight = dict(zip(found.of(1), found.weights[found.starts[1] : found.starts[2]].tolist(), strict=True))
    a, b = hashed_grams("a")[0], hashed_grams("b")[0]
    rare, usual = np.log(5 / 1), np.log(5 / 4)
    assert weight == pytest.approx({b: rare / np.hypot(rare, usual), a: usual / np.hypot(rare, usual)})
    assert found.weights[-1] == 1.0


def test_words_alike_share_parts() -> None:
    cat, cats, dog = (set(hashed_grams(word)) for word in ("cat", "cats", "dog"))
    assert len(cat & cats) == 2
    assert not cat & dog


def test_of_a_long_text_all_words_are_read() -> None:
    """Not only those whose hashes happen to be low."""
    words = [f"w{k}x" for k in range(30)]
    found = features(Kind.TEXT, [" ".join(words), "other"])
    assert all(set(hashed_grams(word)) <= set(found.of(1)) for word in words)


def test_of_an_endless_text_the_words_are_read_first() -> None:
    text = " ".join(f"word{k}" for k in range(MAX_GRAMS + 10))
    assert len(hashed_grams(text)) <= MAX_GRAMS
    assert len(hashed_grams(text)) > 0.9 * MAX_GRAMS


def test_a_long_list_is_cut() -> None:
    found = features(Kind.MULTI, [[f"label {k:02}" for k in range(MAX_LABELS + 4)], ["label 00"]])
    assert found.of(1) == list(range(2, MAX_LABELS + 2))


def test_any_number_of_words_needs_only_so_many_vectors() -> None:
    found = features(Kind.TEXT, [f"word{k} word{k + 1}" for k in range(6000)])
    assert found.n_labels == N_HASHES + MISSING + 1
    assert int(found.labels.max()) < found.n_labels
    assert int(found.labels.min()) > MISSING


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        (Kind.CATEGORICAL, ["red", "red"], "every value is the same"),
        (Kind.NUMERIC, [3.5, None, 3.5], "every value is the same"),
        (Kind.MULTI, [["war"], ["war"]], "every value is the same"),
        (Kind.TEXT, ["so it goes"] * 2, "every value is the same"),
        (Kind.CATEGORICAL, [None, None], "no item has a value"),
    ],
)
def test_one_value_or_none_is_nothing_to_learn_from(kind: Kind, values: list[Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        features(kind, values)
    assert "'a'" in caught.value.message
    assert caught.value.hint == "Choose another attribute."


def test_one_list_that_all_items_have_is_nothing_to_learn_from() -> None:
    """Two labels, but no two items that they tell apart."""
    with pytest.raises(UsageError):
        features(Kind.MULTI, [["love", "war"], ["love", "war"]])


def test_an_attribute_that_does_not_exist_gets_the_near_miss() -> None:
    catalog = Catalog(pl.DataFrame({"item_id": ["1"], "title": ["x"]}), [Attribute("genre", Kind.MULTI, 1.0, 2)])
    with pytest.raises(UsageError, match="Did you mean 'genre'"):
        item_features(catalog, "gener")
