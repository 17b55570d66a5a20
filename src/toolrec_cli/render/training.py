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


def print_tuned(run: RunDir, *, as_json: bool, following: str) -> None:
    """The run's directory and how much was learned on stdout; what to type next on stderr."""
    result = run.manifest.result
    if as_json:
        print_json({"schema_version": 1, "run": str(run.path), **result})
        return
    gain = result["gain"]
    used, asked = result["users_with_their_item_among_the_candidates"], result["users"]
    scored = (
        f"on {result['users_scored']:,} of them, before they were, NDCG@10 among the candidates was "
        f"{result['backbone_ndcg@10']:.4f} by the backbone and {result['held_back_ndcg@10']:.4f} tuned, "
        f"{gain['difference']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
    )
    line = (
        f"{run.path}\n{used:,} of {asked:,} users had their validation item among the candidates and were learned from; "
        f"{scored} · {result['n_parameters']:,} weights"
    )
    stdout().print(Text(line), soft_wrap=True)
    if result["too_few"]:
        say(
            f"Only {used:,} users were there to learn from: that it helps may be chance. Compare toolrec eval --untuned, "
            "or train the backbone longer.",
            style="yellow",
        )
    say(f"Next: {following}", style="dim")
