"""Groups of options that several verbs share: what explores, how a run goes on, where it works, and what it leaves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer

from toolrec_cli.commands import options


@dataclass(frozen=True)
class Surrogate:
    """What explores."""

    n: options.Length = 10
    max_rounds: options.Rounds = 7
    attributes: options.Attributes = None
    backbone: options.Backbone = None
    full_encoders: options.FullEncoders = False
    tuned: options.Tuned = True
    retrieval: options.Retrieval = None

    def plan(self, before: Literal["test", "validation"] | None, model: Any = None) -> Any:
        """The `AgentPlan`; `before` which part of the split, or None: with every interaction. `model` is a `ModelPlan`."""
        from toolrec_cli.agent.loop import Limits
        from toolrec_cli.data.interactions import Part
        from toolrec_cli.operations.exploring import AgentPlan

        part = None if before is None else Part(before)
        limits = Limits(self.n, self.max_rounds)
        return AgentPlan(
            self.backbone,
            self.attributes,
            limits,
            part,
            self.tuned,
            model,
            retrieval=self.retrieval,
            full_encoders=self.full_encoders,
        )


@dataclass(frozen=True)
class Resumed:
    """How a run goes on."""

    resume: options.Resume = None
    allow_drift: options.AllowDrift = False

    def again(self, workspace: Path) -> Any:
        """What the operation is told of it; None for a new run."""
        from toolrec_cli.operations.resuming import Again
        from toolrec_cli.storage.run_dir import find_run

        return None if self.resume is None else Again(find_run(workspace / "runs", self.resume), self.allow_drift)


@dataclass(frozen=True)
class Work:
    """Where users are explored."""

    workers: options.Workers = None
    runner: options.Runner = "local"
    ray_address: options.RayAddress = None


@dataclass(frozen=True)
class Output:
    """Where the run goes, and how its answer is printed."""

    seed: options.Seed = 42
    out: options.Out = None
    as_json: options.Json = False
    workspace: options.Workspace = Path()

    def setting(self, ctx: typer.Context, preset: dict[str, Any] | None = None) -> Any:
        """The `Setting`: where the operation works, and what its record says of how it was called, and what a preset said."""
        import os

        from toolrec_cli.operations.setting import Setting

        return Setting(self.workspace, self.seed, self.out, options.call_of(ctx, preset), os.environ)
