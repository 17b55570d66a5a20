"""What the tests on a cluster share."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from two_machines import another_machine, patience, ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and another machine, a processor each."""
    from ray.cluster_utils import Cluster

    with patience():
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    another_machine(found)
    yield found
    with suppress(Exception):
        ray.shutdown()
    found.shutdown()
