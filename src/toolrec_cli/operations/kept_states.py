"""Where a workspace keeps the frozen states of its backbones: the next encoder on one need not compute them."""

from pathlib import Path

from toolrec_cli.storage.kept_arrays import KeptArrays


def kept_states(workspace: Path) -> KeptArrays:
    """The cache of a workspace."""
    return KeptArrays(workspace / "cache" / "states")


def of_backbone(digest: str) -> str:
    """How the names of a backbone's states begin."""
    return f"{digest[:16]}-"
