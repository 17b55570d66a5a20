"""toolrec eval --ablate: one thing taken away at a time, on the same users, to see what it was worth."""

from collections.abc import Callable
from dataclasses import dataclass

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.evaluation.variants import Comparison, Variant
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.inquiring import Inquiry, inquire
from toolrec_cli.operations.resuming import Again
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.registry import Registry
from toolrec_cli.storage.run_dir import RunDir

NOISE = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class AblationPlan:
    """The surrogate, how many users (None: all), and how many made-up attributes are added, where that is what is asked."""

    agent: AgentPlan = AgentPlan()
    n_users: int | None = None
    noise: tuple[int, ...] = NOISE


@dataclass(frozen=True)
class AblationKind:
    """What is asked, and how the variants are made; `make` also names the reference."""

    question: str
    make: Callable[[Bench, AblationPlan], tuple[list[Variant], str]]


ABLATIONS: Registry[AblationKind] = Registry("toolrec_cli.operations.ablations", "ABLATION", "ablation")


def ablate(
    setting: Setting,
    dataset: Dataset,
    kind: str,
    plan: AgentPlan | None = None,
    n_users: int | None = None,
    noise: tuple[int, ...] = NOISE,
    progress: Progress = silent,
    again: Again | None = None,
) -> tuple[RunDir, Comparison]:
    """Every variant's lists, then their scores; with `again` that run goes on.

    Raises UsageError for an ablation that does not exist or cannot be made here.
    """
    found, whole = ABLATIONS.get(kind), AblationPlan(plan or AgentPlan(), n_users, noise)
    inquiry = Inquiry("ablate", kind, found.question, lambda bench: found.make(bench, whole))
    return inquire(setting, dataset, inquiry, whole, progress, again)
