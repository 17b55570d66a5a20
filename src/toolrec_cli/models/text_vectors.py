"""Texts as vectors of a sentence-embedding model that lies in a local directory: computed once, kept by digest.

Models are Model2Vec's (the extra `toolrec-cli[text]`): a vector a token, averaged, so that thousands of texts take a second on a
processor and no network is asked. Nothing here ever downloads one.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.storage import atomic
from toolrec_cli.storage.digests import file_digest, joint_digest

FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""What a directory with a model holds."""

HOW = (
    "Fetch a Model2Vec model with all its files into a directory, for example: hf download minishlab/potion-base-8M "
    "--local-dir DIR"
)


@dataclass(frozen=True)
class TextEncoder:
    """A model in a directory, known by the digest of its files."""

    directory: str
    digest: str


def find_text_encoder(directory: str) -> TextEncoder:
    """The model in `directory`. Raises InputError, and says how to get one, where there is none."""
    paths = [Path(directory) / name for name in FILES]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise InputError(f"{directory} holds no text encoder: {', '.join(missing)} missing.", hint=f"{HOW}.")
    return TextEncoder(directory, joint_digest(map(file_digest, paths)))


def text_vectors(encoder: TextEncoder, texts: Sequence[str | None], cache: Path) -> Tensor:
    """[len(texts), V]: of length 1, what all texts share taken away; zero for a text that is missing or empty.

    They are in `cache` from the second time on. Raises UsageError where the extra is not installed, InputError where the model
    cannot be read, or is no longer the one it was and its vectors are not in the cache.
    """
    said = [text or "" for text in texts]
    path = cache / f"{joint_digest([encoder.digest, *said])}.safetensors"
    kept = _kept(path)
    if kept is None:
        kept = _centred(_encoded(encoder, said), said)
        atomic.make_folder(cache)
        with atomic.replacing(path) as temporary:
            temporary.write_bytes(safetensors.torch.save({"vectors": kept}))
    return kept


def _kept(path: Path) -> Tensor | None:
    try:
        return safetensors.torch.load_file(path)["vectors"]
    except (OSError, SafetensorError, KeyError):  # not there, or half of it: it is made anew
        return None


def _encoded(encoder: TextEncoder, texts: list[str]) -> npt.NDArray[np.float32]:
    if find_text_encoder(encoder.directory).digest != encoder.digest:
        raise InputError(
            f"{encoder.directory} holds another text encoder than it did when the tool was trained.",
            hint="Put the one back that was there, or train again.",
        )
    if importlib.util.find_spec("model2vec") is None:
        raise UsageError(
            "A text encoder takes a package that is not installed.", hint="Type: pip install 'toolrec-cli[text]'"
        )
    model2vec: Any = importlib.import_module("model2vec")
    try:
        with warnings.catch_warnings(action="ignore"):
            found = model2vec.StaticModel.from_pretrained(encoder.directory).encode(texts, use_multiprocessing=False)
    except Exception as error:  # whatever a stranger's file makes the library raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{encoder.directory} cannot be read as a text encoder ({reason:.120}).", hint=HOW) from error
    return np.array(found, dtype=np.float32)


def _centred(vectors: npt.NDArray[np.float32], texts: list[str]) -> Tensor:
    there = np.array([bool(text.strip()) for text in texts])
    found = np.where(there[:, None], vectors - vectors[there].mean(axis=0), 0.0)
    return torch.from_numpy((found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)).astype(np.float32))
