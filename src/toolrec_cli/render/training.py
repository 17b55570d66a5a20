"""How a training run ended."""

from rich.text import Text

from toolrec_cli.render.console import print_json, say, stdout
from toolrec_cli.storage.run_dir import RunDir


def print_trained(run: RunDir, *, as_json: bool, following: str) -> None:
    """The run's directory and its best figure on stdout; what to type next on stderr."""
    result = run.manifest.result
    if as_json:
        print_json({"schema_version": 1, "run": str(run.path), **result})
        return
    line = (
        f"{run.path}\nvalidation NDCG@10 {result['validation_ndcg@10']:.4f} at epoch {result['best_epoch']} of "
        f"{result['epochs']} · {result['n_parameters']:,} trained parameters · {result['cpu_seconds']:,.0f} CPU-seconds"
    )
    stdout().print(Text(line), soft_wrap=True)
    if "backbone_ndcg" in result:
        say(f"The frozen backbone alone has {result['backbone_ndcg']:.4f}.")
    say(f"Next: {following}", style="dim")
