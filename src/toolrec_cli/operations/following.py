"""A process of a training that is not the first: it learns its share, and writes, validates and says nothing."""

from collections.abc import Callable

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.models.devices import use_device
from toolrec_cli.models.distributed import Ranks
from toolrec_cli.models.fitting import Watch, fit_backbone
from toolrec_cli.models.training_state import load_state
from toolrec_cli.operations.ground import examples_of
from toolrec_cli.operations.resuming_training import plan_of
from toolrec_cli.operations.training import BackbonePlan, fresh_backbone, settled_plan
from toolrec_cli.progress import silent
from toolrec_cli.storage.run_dir import RESUME, RunDir

OpenDataset = Callable[[], Dataset]
"""Called when the first process has begun: what it had to make ready is there by then."""


def follow(ranks: Ranks, plan: BackbonePlan, seed: int, open_dataset: OpenDataset) -> None:
    """Train with the first process, which called `pretrain` with the same plan. Raises WorkerLost when it is gone."""
    with ranks.together(use_device(plan.device)):
        dataset = open_dataset()
        _fit(settled_plan(plan, seed, dataset, ranks), dataset, Watch(_nothing, _nothing, silent, ranks=ranks))


def follow_resumed(ranks: Ranks, run: RunDir, open_dataset: OpenDataset) -> None:
    """The same with one that called `resume_pretrain`."""
    kept = load_state(run.path / RESUME)
    plan = plan_of(run, kept)
    with ranks.together(use_device(plan.device)):
        watch = Watch(_nothing, _nothing, silent, resumed=kept.state, ranks=ranks)
        _fit(plan, open_dataset(), watch)


def _fit(plan: BackbonePlan, dataset: Dataset, watch: Watch) -> None:
    model = fresh_backbone(plan, dataset)
    fit_backbone(model, examples_of(dataset, model), plan.training, watch)


def _nothing(*_: object) -> None:
    """What others write down."""
