"""One seed, named streams: what is drawn for user 42 does not depend on who else is asked (cf. SPEC 7 named keys)."""

import hashlib

import numpy as np


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called `names` under `seed`; the same on every machine."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the stream called `names` under `seed`."""
    return np.random.default_rng(stream_seed(seed, *names))
