"""In which precision, and how many rows at a time, the large products of a loss are taken."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

CHUNK = 128
"""Targets whose logits a processor holds at once: 128 × 4,000 items are 2 MB and stay near it."""

AT_ONCE = 1 << 24
"""Logits that an accelerator holds at once (64 MB, and as many again a few times): of few it would only wait for the next."""

TINY = 1e-38
"""The smallest probability whose logarithm is taken."""


def targets_at_once(states: Tensor, n_items: int) -> int:
    """For how many targets logits over `n_items` are held at once, where `states` lie."""
    return CHUNK if states.device.type == "cpu" else max(CHUNK, AT_ONCE // n_items)


def product_type(states: Tensor) -> torch.dtype:
    """bfloat16 where the processor multiplies it natively (about twice as fast), else the precision of `states`."""
    if states.dtype != torch.float32:
        return states.dtype
    native = torch.cuda.is_bf16_supported() if states.is_cuda else states.device.type == "cpu" and _has_bf16()
    return torch.bfloat16 if native else torch.float32


@cache
def _has_bf16() -> bool:
    capabilities: Callable[[], Any] | None = getattr(torch.cpu, "get_capabilities", None)  # older releases cannot tell
    return capabilities is not None and bool(capabilities().get("avx512_bf16"))
