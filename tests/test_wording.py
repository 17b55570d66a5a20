"""Words that sentences are made with."""

import pytest

from toolrec_cli.wording import counted, sized


@pytest.mark.parametrize(("n", "said"), [(0, "0 users"), (1, "1 user"), (2, "2 users"), (6040, "6,040 users")])
def test_one_is_no_plural(n: int, said: str) -> None:
    assert counted(n, "user") == said


def test_the_size_of_a_data_set() -> None:
    counts = {"users": 1, "items": 3706, "interactions": 2, "train": 7}
    assert sized(counts) == "1 user · 3,706 items · 2 interactions"
