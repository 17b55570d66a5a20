"""The prepared data sets of a workspace: which one is meant, and what to type when it is not there."""

from pathlib import Path

import pytest

from toolrec_cli.data.library import choose, dataset_dir, open_dataset, prepared
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.sources.sample import make
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import silent


def _prepare(workspace: Path, *names: str) -> None:
    """Stands for preparing them: a data set is known by its card."""
    for name in names:
        dataset_dir(workspace, name).mkdir(parents=True)
        (dataset_dir(workspace, name) / "dataset.json").write_text("{}", encoding="utf-8")


def test_in_an_empty_workspace_the_sample_is_meant(tmp_path: Path) -> None:
    assert choose(tmp_path, None) == "sample"
    assert choose(tmp_path / "absent", None) == "sample"


def test_the_only_one_prepared_is_meant(tmp_path: Path) -> None:
    _prepare(tmp_path, "ml-1m")
    assert choose(tmp_path, None) == "ml-1m"


def test_the_one_that_is_named_is_meant_prepared_or_not(tmp_path: Path) -> None:
    _prepare(tmp_path, "ml-1m", "mine")
    assert choose(tmp_path, "mine") == "mine"
    assert choose(tmp_path, "yours") == "yours"


def test_of_several_one_has_to_be_named(tmp_path: Path) -> None:
    _prepare(tmp_path, "ml-1m", "amazon")
    with pytest.raises(UsageError) as caught:
        choose(tmp_path, None)
    assert caught.value.message == "Which data set? There is amazon, ml-1m."
    assert caught.value.hint == "Name it right after the command."


def test_what_is_half_prepared_or_hidden_does_not_count(tmp_path: Path) -> None:
    _prepare(tmp_path, "ml-1m", ".ml-1m-in-the-making")
    dataset_dir(tmp_path, "torn").mkdir()
    (tmp_path / "datasets" / "dataset.json").write_text("{}", encoding="utf-8")
    assert prepared(tmp_path) == ["ml-1m"]


def test_one_that_is_not_prepared_gets_the_near_miss_and_what_there_is(tmp_path: Path) -> None:
    _prepare(tmp_path, "ml-1m")
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path, "ml1m")
    assert caught.value.message == "The data set 'ml1m' is not prepared. Did you mean 'ml-1m'?"
    assert caught.value.hint == "Prepared: ml-1m."


def test_one_like_no_other_gets_the_command_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path, "yelp")
    assert caught.value.message == "The data set 'yelp' is not prepared."
    assert caught.value.hint == "Type: toolrec prep yelp"


def test_a_card_that_is_none_is_an_input_error(tmp_path: Path) -> None:
    _prepare(tmp_path, "ml-1m")
    with pytest.raises(InputError, match=r"dataset\.json does not describe a data set"):
        open_dataset(tmp_path, "ml-1m")


def test_what_was_prepared_opens(tmp_path: Path) -> None:
    prepare("sample", make(20, 12), "tiny", dataset_dir(tmp_path, "tiny"), skip_bad=False, progress=silent)
    assert prepared(tmp_path) == ["tiny"]
    found = open_dataset(tmp_path, choose(tmp_path, None))
    assert (found.name, found.n_users) == ("tiny", 20)


def test_the_sample_is_what_is_meant_where_nothing_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path, "smaple")
    assert caught.value.message == "The data set 'smaple' is not prepared. Did you mean 'sample'?"
    assert caught.value.hint == "Type: toolrec prep sample"
