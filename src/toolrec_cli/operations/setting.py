"""Where an operation works, and what its record says of how it was called."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.storage.run_dir import Manifest

_RECORDED = ("toolrec-cli", "torch", "numpy", "polars", "safetensors", "openai")


@dataclass(frozen=True)
class Call:
    """How an operation was called: argv, and every setting with its value and where it came from."""

    argv: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Setting:
    """The workspace, where the run goes (None: a new directory under runs/), the seed, and the call."""

    workspace: Path
    seed: int = 42
    out: Path | None = None
    call: Call = Call()
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Where a language model's key and address may be found; it is written down nowhere."""

    @property
    def runs(self) -> Path:
        return self.workspace / "runs"

    def manifest(
        self,
        verb: str,
        subject: str,
        dataset: Dataset,
        inputs: dict[str, str] | None = None,
        plan: dict[str, Any] | None = None,
    ) -> Manifest:
        """The manifest of a run that begins now."""
        return Manifest(
            verb=verb,
            subject=subject,
            dataset=dataset.name,
            dataset_digest=dataset.card.digest,
            settings=self.call.settings,
            argv=self.call.argv,
            seed=self.seed,
            versions=_versions(),
            inputs=inputs or {},
            plan=plan or {},
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a package that is not installed did not take part
            continue
    return found
