"""Two machines of a Ray cluster, played on this one, and what runs on them need."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own 15 has them starve on a busy machine
ray: Any = pytest.importorskip("ray")

from toolrec_cli.data.dataset import Dataset  # noqa: E402
from toolrec_cli.operations.runners.ray import Ray  # noqa: E402
from toolrec_cli.operations.running import Pace  # noqa: E402

PATIENCE = 600.0
"""Seconds after which what a test waits for is given up: a busy machine takes its time."""


def opened(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def everybody(workspace: Path) -> list[str]:
    return opened(workspace).users["user_id"].to_list()


def on(cluster: Any, concurrency: int = 1, **how: Any) -> Pace:
    return Pace(concurrency, runner=Ray(cluster.address), **how)


def a_cluster() -> Any:
    """A head and another machine, a processor each."""
    from ray.cluster_utils import Cluster

    found = _started(lambda: Cluster(initialize_head=True, head_node_args={"num_cpus": 1}))
    another_machine(found)
    return found


def another_machine(cluster: Any) -> Any:
    """One more, of one processor, once it is there."""
    node = _started(lambda: cluster.add_node(num_cpus=1, wait=False))
    cluster.wait_for_nodes(timeout=PATIENCE)
    return node


def _started(start: Callable[[], Any]) -> Any:
    """What `start` gives. On a busy machine Ray gives up what is still starting, and parts of it die: then it is tried again."""
    deadline = time.monotonic() + PATIENCE
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ray._private.services, "get_node", _patiently(ray._private.services.get_node))
        while True:
            try:
                return start()
            except Exception:
                if time.monotonic() > deadline:
                    raise


def _patiently(get_node: Callable[..., Any]) -> Callable[..., Any]:
    """The same, asked until the node is known, longer than Ray itself would."""

    def found(*asked: Any) -> Any:
        deadline = time.monotonic() + PATIENCE / 5
        while time.monotonic() < deadline:
            with suppress(RuntimeError):
                return get_node(*asked)
            time.sleep(0.2)
        return get_node(*asked)

    return found


def processes(named: bytes) -> list[int]:
    """The processes of this cluster whose title begins so: descendants of this one, and nobody else's."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*"))))
    return [pid for pid in parents if _title(pid).startswith(named) and os.getpid() in _ancestors(pid, parents)]


def _parent(process: Path) -> tuple[int, int] | None:
    try:
        return int(process.name), int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    while (pid := parents.get(pid, 0)) and pid not in found:
        found.add(pid)
    return found
