"""toolrec eval --ablate: one thing taken away at a time, on the same users, to see what it was worth."""

from collections.abc import Callable
from dataclasses import dataclass

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.evaluation.variants import Comparison, Variant
from toolrec_cli.operations.bench import Bench, compared, prepared
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.registry import Registry
from toolrec_cli.storage.run_dir import RunDir

NOISE = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class AblationKind:
    """What is asked, and how the variants are made; `make` also names the reference."""

    question: str
    make: Callable[[Bench], tuple[list[Variant], str]]


ABLATIONS: Registry[AblationKind] = Registry("toolrec_cli.operations.ablations", "ABLATION", "ablation")


def ablate(
    setting: Setting,
    dataset: Dataset,
    kind: str,
    plan: AgentPlan | None = None,
    n_users: int | None = None,
    noise: tuple[int, ...] = NOISE,
    progress: Progress = silent,
) -> tuple[RunDir, Comparison]:
    """Every variant's lists, then their scores. Raises UsageError for an ablation that does not exist or cannot be made here."""
    found = ABLATIONS.get(kind)
    bench = prepared(setting, dataset, plan or AgentPlan(), n_users, progress, noise)
    return compared(bench, "ablate", kind, found.question, found.make)
