"""What the tests on a cluster share."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from two_machines import a_cluster, ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and another machine, a processor each."""
    found = a_cluster()
    yield found
    with suppress(Exception):
        ray.shutdown()
    found.shutdown()
