"""toolrec eval --ablate: one thing taken away at a time, on the same users, to see what it was worth."""

from collections.abc import Callable
from dataclasses import dataclass

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import UsageError
from toolrec_cli.evaluation.variants import Comparison, Reading, Variant, reading
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.operations.inquiring import Conclusion, Inquiry, as_they_are, inquire
from toolrec_cli.operations.modelling import ModelPlan
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
    other_model: ModelPlan | None = None
    """The model that the surrogate's is set against, where that is what is asked."""


def _nothing(setting: Setting, dataset: Dataset, plan: AblationPlan) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class AblationKind:
    """What is asked, and how the variants are made; `make` also names the reference."""

    question: str
    make: Callable[[Bench, AblationPlan], tuple[list[Variant], str]]
    inputs: Callable[[Setting, Dataset, AblationPlan], dict[str, str]] = _nothing
    """What it comes from besides the built-in surrogate's models. Raises UsageError for a plan that cannot be carried out."""
    conclude: Conclusion = as_they_are
    read: Reading = reading
    of_models: bool = False
    """Whether language models are asked; else it is of the built-in surrogate."""


ABLATIONS: Registry[AblationKind] = Registry("toolrec_cli.operations.ablations", "ABLATION", "ablation")


def ablate(
    setting: Setting,
    dataset: Dataset,
    kind: str,
    plan: AblationPlan | None = None,
    progress: Progress = silent,
    again: Again | None = None,
) -> tuple[RunDir, Comparison]:
    """Every variant's lists, then their scores; with `again` that run goes on.

    Raises UsageError for an ablation that does not exist or cannot be made here.
    """
    found, whole = ABLATIONS.get(kind), plan or AblationPlan()
    if not found.of_models and (whole.agent.model or whole.other_model):
        raise UsageError(
            f"--ablate {kind} is of the built-in surrogate.", hint="Leave --model out, or --ablate models: two of them."
        )
    inquiry = Inquiry(
        verb="ablate",
        kind=kind,
        question=found.question,
        make=lambda bench: found.make(bench, whole),
        inputs=found.inputs(setting, dataset, whole),
        conclude=found.conclude,
        read=found.read,
    )
    return inquire(setting, dataset, inquiry, whole, progress, again)
