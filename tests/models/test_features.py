"""What an encoder reads of an item: small tables, exactly; and which attributes it cannot learn from."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.errors import UsageError
from toolrec_cli.models.features import MAX_LABELS, MISSING, N_BUCKETS, N_HASHES, ItemFeatures, item_features


def features(kind: Kind, values: list[Any]) -> ItemFeatures:
    """The features of a catalogue with this one attribute, "a"."""
    column = pl.Series("a", values)
    known = column.drop_nulls()
    n_values = (known.explode() if kind is Kind.MULTI else known).n_unique()
    names = [f"i{row}" for row in range(len(values))]
    frame = pl.DataFrame({"item_id": names, "title": names, "a": column})
    return item_features(Catalog(frame, [Attribute("a", kind, len(known) / len(values), n_values)]), "a")


def test_labels_of_several_values() -> None:
    found = features(Kind.MULTI, [["war", "spy"], None, ["spy"], ["love", "spy", "war"]])
    assert found.labels.tolist() == [[0, 0, 0], [4, 3, 0], [MISSING, 0, 0], [3, 0, 0], [2, 3, 4]]
    assert found.numbers.tolist() == [0.0] * 5
    assert found.n_labels == 5


def test_labels_of_one_value() -> None:
    found = features(Kind.CATEGORICAL, ["red", "blue", None, "red"])
    assert found.labels.tolist() == [[0], [3], [2], [MISSING], [3]]
    assert found.numbers.tolist() == [0.0] * 5
    assert found.n_labels == 4


def test_a_number_is_a_bucket_and_a_standardised_value() -> None:
    found = features(Kind.NUMERIC, [1, 2, 3, None])
    assert found.labels.tolist() == [[0], [2], [10], [17], [MISSING]]
    assert found.numbers.tolist() == pytest.approx([0, -(1.5**0.5), 0, 1.5**0.5, 0])
    assert found.n_labels == MISSING + N_BUCKETS + 1


def test_buckets_hold_about_as_many_items_each() -> None:
    found = features(Kind.NUMERIC, list(range(64)))
    counts = np.bincount(found.labels[1:, 0].numpy())[MISSING + 1 :]
    assert counts.tolist() == [4] * N_BUCKETS


def test_a_value_that_most_items_share_takes_fewer_buckets() -> None:
    found = features(Kind.NUMERIC, [0] * 98 + [1, 2])
    assert found.labels[1:, 0].unique().tolist() == [3]
    assert found.numbers[1:].unique().numel() == 3


def test_the_logarithm_is_taken_of_a_long_tail_only() -> None:
    tail = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 5000.0]
    logs = np.log1p(tail)
    assert features(Kind.NUMERIC, tail).numbers[1:].tolist() == pytest.approx((logs - logs.mean()) / logs.std())
    debts = np.array([-1.0, *tail])
    found = features(Kind.NUMERIC, debts.tolist()).numbers[1:].tolist()
    assert found == pytest.approx((debts - debts.mean()) / debts.std())


def test_words_of_a_text_whatever_their_case_and_order() -> None:
    found = features(Kind.TEXT, ["The cat, the dog.", "dog THE cat", "A cat", None, "?!"])
    the_cat_the_dog, dog_the_cat, a_cat, nothing, marks = found.labels[1:].tolist()
    assert the_cat_the_dog == dog_the_cat
    assert len({*the_cat_the_dog} & {*a_cat} - {0}) == 1
    assert nothing == marks == [MISSING, 0, 0]
    assert found.labels.max() == found.n_labels - 1 == MISSING + 4


def test_a_long_list_is_cut() -> None:
    found = features(Kind.MULTI, [[f"label {k:02}" for k in range(MAX_LABELS + 4)], ["label 00"]])
    assert found.labels.shape == (3, MAX_LABELS)
    assert found.labels[1].tolist() == list(range(2, MAX_LABELS + 2))


def test_any_number_of_words_needs_only_so_many_vectors() -> None:
    found = features(Kind.TEXT, [f"word{k} word{k + 1}" for k in range(6000)])
    assert found.n_labels <= N_HASHES + MISSING + 1
    assert int(found.labels.max()) < found.n_labels


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
