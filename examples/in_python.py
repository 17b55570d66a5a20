"""The verbs as plain functions: prepare the sample, train, explore for one user, read the record.

python examples/in_python.py [WORKSPACE]
"""

import sys
import tempfile
from pathlib import Path

from toolrec_cli.agent.trajectory import Shown
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.exploring import recommend
from toolrec_cli.operations.preparing import prepare
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder


def main() -> None:
    """One epoch each, to be quick; `toolrec recommend` trains longer."""
    setting = Setting(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
    dataset = prepare(setting.workspace, "sample")
    quick = TrainingSettings(epochs=1)
    pretrain(setting, dataset, BackbonePlan(training=quick))
    train_encoder(setting, dataset, EncoderPlan("genre", training=quick))
    run, (trajectory,) = recommend(setting, dataset, ["42"])
    for number, step in enumerate(trajectory.steps, start=1):
        seen = len(step.observation.items) if isinstance(step.observation, Shown) else step.observation.kind
        print(f"{number}. {step.thought}\n   {step.action.tool} {step.action.arguments.get('attribute')} -> {seen}")
    for entry in trajectory.ranking:
        print(f"{entry.rank:>3} {trajectory.items[entry.item_id].title}  ({', '.join(entry.marks)})")
    print(f"Recorded in {run.path}")


if __name__ == "__main__":
    main()
