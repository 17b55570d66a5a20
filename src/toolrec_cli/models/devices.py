"""Where a model is trained: the processor, or an accelerator that is there."""

import os
from typing import Any

import torch

from toolrec_cli.errors import UsageError, unknown

AUTO = "auto"


def available() -> list[str]:
    """The devices of this machine, the processor first."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ["cpu", *(name for name, found in there.items() if found)]


def find_device(name: str) -> torch.device:
    """The device called `name`; "auto" is CUDA where it is there, else the processor (models this small gain little on MPS).

    Raises UsageError for a name that does not exist, and for a device that is not there.
    """
    there = available()
    if name == AUTO:
        name = "cuda" if "cuda" in there else "cpu"
    known = [AUTO, "cpu", "cuda", "mps"]
    if name not in known:
        raise UsageError(unknown("device", name, known))
    if name not in there:
        raise UsageError(f"There is no {name} on this machine.", hint=f"There is: {', '.join(there)}.")
    return torch.device(name)


def use_device(name: str) -> torch.device:
    """`find_device`; and from then on one seed gives one result there too: of CUDA's kernels, those that repeat are taken."""
    device = find_device(name)
    if device.type == "cuda":
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # without it cuBLAS does not repeat, and torch refuses
        torch.use_deterministic_algorithms(True)
        flags: Any = torch.utils.deterministic
        flags.fill_uninitialized_memory = (
            False  # nothing here reads such memory, and filling it is half of all launches
        )
    return device
