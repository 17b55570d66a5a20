"""How a training run ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from toolrec_cli.render.console import print_json, print_prose, say, stdout
from toolrec_cli.render.plots import curve
from toolrec_cli.render.report import WIDE
from toolrec_cli.render.sheet import Column, Line, Sheet, print_sheet
from toolrec_cli.storage.run_dir import RunDir

_MODELS = {
    "backbone": "backbone alone",
    "no_attribute": "the head without the attribute",
    "frozen": "encoder on the frozen backbone",
    "encoder": "encoder",
    "full": "encoder trained with the backbone (--full)",
}
_SPOKEN = {
    "ndcg@10": "NDCG@10",
    "filtered_ndcg@10": "NDCG@10 among items with the value",
    "hit_rate@20": "top 20 with the value",
}


_WIDE, _TALL = 48, 5
"""Characters of the learning curve."""


def print_trained(run: RunDir, *, as_json: bool, following: str) -> None:
    """The run's directory and its best figure on stdout; what to type next on stderr."""
    if as_json:
        print_json({"schema_version": 1, "run": str(run.path), **run.manifest.result})
        return
    _print_best(run)
    say(f"Next: {following}", style="dim")


def _print_best(run: RunDir) -> None:
    """The directory and the best figure; the learning curve, and what an encoder adds to its backbone, on stderr."""
    result = run.manifest.result
    console = stdout()
    console.print(Text(str(run.path)), soft_wrap=True)
    print_prose(console, Text(trained(result)))
    for line in [*learning_curve(result["curve"]), *beside_backbone(result)]:
        say(line, prose=True)


def trained(result: Mapping[str, Any]) -> str:
    """The best figure, and what it took."""
    return (
        f"validation NDCG@10 {result['validation_ndcg@10']:.4f} at epoch {result['best_epoch']} of {result['epochs']} · "
        f"{result['n_parameters']:,} trained parameters · {result['cpu_seconds']:,.0f} CPU-seconds"
    )


def beside_backbone(result: Mapping[str, Any]) -> list[str]:
    """Of an encoder: what its backbone has without it."""
    if "backbone_ndcg" not in result:
        return []
    alone = f"The backbone alone has {result['backbone_ndcg']:.4f}."
    no_better = (
        "Training made the encoder no better on validation: it is kept as it began, and finds what its backbone finds."
    )
    return [alone, no_better] if result["best_epoch"] == 0 else [alone]


def learning_curve(ndcgs: Sequence[float]) -> list[str]:
    """Validation NDCG@10 by epoch, as lines; none for fewer than three epochs, which show nothing."""
    if len(ndcgs) < 3:
        return []
    low, high = min(ndcgs), max(ndcgs)
    lines = curve([(each - low) / ((high - low) or 1.0) for each in ndcgs], min(_WIDE, 2 * len(ndcgs)), _TALL)
    sides = [f"{high:.4f}", *[""] * (_TALL - 2), f"{low:.4f}"]
    return [f"{side:>6} {line}" for side, line in zip(sides, lines, strict=True)]


def print_tuned(run: RunDir, *, as_json: bool, following: str) -> None:
    """The run's directory and how much was learned on stdout; what to type next on stderr."""
    result = run.manifest.result
    if as_json:
        print_json({"schema_version": 1, "run": str(run.path), **result})
        return
    console = stdout()
    console.print(Text(str(run.path)), soft_wrap=True)
    for line in learned(result):
        print_prose(console, Text(line))
    for line in too_few(result):
        say(line, style="yellow")
    say(f"Next: {following}", style="dim")


def too_few(result: Mapping[str, Any]) -> list[str]:
    """Where hardly anybody was there to learn from."""
    if not result["too_few"]:
        return []
    used = result["users_with_their_item_among_the_candidates"]
    return [
        f"Only {used:,} users were there to learn from: that it helps may be chance. Compare toolrec eval --untuned, "
        "or train the backbone longer."
    ]


def learned(result: Mapping[str, Any]) -> list[str]:
    """From whom was learned, and what it is worth, a line each."""
    used, asked = result["users_with_their_item_among_the_candidates"], result["users"]
    gain, backbone, tuned = result["gain"], result["backbone_ndcg@10"], result["held_back_ndcg@10"]
    share = f" ({tuned / backbone - 1:+.1%})" if backbone else ""
    return [
        f"Learned from {used:,} of {asked:,} users: those whose validation item was among the candidates. "
        f"{result['n_parameters']:,} weights.",
        f"Tried on {result['users_scored']:,} of these, by a ranker that had not learned from them:",
        f"  NDCG@10 among the candidates: backbone {backbone:.4f}, tuned {tuned:.4f}{share}",
        f"  difference {gain['difference']:+.4f}, 95 % interval [{gain['low']:+.4f}, {gain['high']:+.4f}]",
    ]


def print_encoders(runs: Sequence[RunDir], *, as_json: bool, following: str) -> None:
    """One encoder with its controls, or a table of several, on stdout; what to type next on stderr, last."""
    if as_json:
        _print_documents(runs)
        return
    if len(runs) > 1:
        print_sheet(stdout(), encoders(runs))
        for run in runs:
            stdout().print(Text(str(run.path)), soft_wrap=True)
    else:
        _print_best(runs[0])
        if "controls" in runs[0].manifest.result:
            print_sheet(stdout(width_when_piped=WIDE), controls(runs[0].manifest.result))
    for run in runs:
        for line in share(run.manifest.result):
            say(line)
    say(f"Next: {following}", style="dim")


def _print_documents(runs: Sequence[RunDir]) -> None:
    documents = [{"run": str(run.path), **run.manifest.result} for run in runs]
    print_json({"schema_version": 1, **(documents[0] if len(runs) == 1 else {"encoders": documents})})


def share(result: Mapping[str, Any]) -> list[str]:
    """What leaving the backbone frozen spares, where both encoders are there."""
    if "beside" not in result:
        return []
    frozen, full = (result["beside"], result) if result.get("full", False) else (result, result["beside"])
    few = frozen["n_parameters"] / full["n_parameters"]
    seconds = full["cpu_seconds"]  # rounded: to nothing, where hardly anything was learnt
    quick = f"{frozen['cpu_seconds'] / seconds:.0%} of the CPU-seconds, and " if seconds else ""
    return [f"{result['attribute']}: with the backbone left frozen, training took {quick}{few:.0%} of the parameters."]


def controls(result: Mapping[str, Any]) -> Sheet:
    """An encoder beside the backbone, the same head without the attribute, and its frozen or full counterpart."""
    found: dict[str, dict[str, float]] = result["controls"]
    measures, full = (
        list(found["encoder"]),
        result.get("full", False),
    )  # runs from before there were full ones say nothing
    costs = {"encoder": result, ("frozen" if full else "full"): result.get("beside", {})}
    lines: list[Line] = []
    for name in _MODELS:
        if name in found:
            figures = (f"{found[name][measure]:.4f}" for measure in measures)
            label = _MODELS["full"] if name == "encoder" and full else _MODELS[name]
            lines.append(Line((label, *_spent(costs.get(name, {})), *figures)))
    heads = ("parameters", "CPU-s", *(_SPOKEN[measure] for measure in measures))
    return Sheet("", (Column("validation", whole=True), *(Column(head, right=True) for head in heads)), tuple(lines))


def _spent(cost: Mapping[str, Any]) -> list[str]:
    return [f"{cost['n_parameters']:,}", f"{cost['cpu_seconds']:,.0f}"] if cost else ["–", "–"]


def encoders(runs: Sequence[RunDir]) -> Sheet:
    """What each encoder cost and gives, beside the controls."""
    heads = ("parameters", "CPU-s", "NDCG@10", "without", "backbone", "filtered", "filter alone", "hit rate")
    lines: list[Line] = []
    for run in runs:
        result = run.manifest.result
        name, of = str(result["attribute"]), {True: ", full", False: ""}
        lines.append(Line((name + of[result["full"]], *_figures(result))))
        if "beside" in result:
            lines.append(Line((name + (", frozen" if result["full"] else ", full"), *_beside(result))))
    return Sheet("", (Column("attribute"), *(Column(head, right=True, whole=True) for head in heads)), tuple(lines))


def _beside(result: dict[str, Any]) -> list[str]:
    """The figures of the counterpart, frozen or full; the controls are those of the encoder itself."""
    found: dict[str, float] = result["controls"]["frozen" if result["full"] else "full"]
    rest = (f"{found[name]:.4f}" if name in found else "–" for name in ("filtered_ndcg@10", "hit_rate@20"))
    filtered, rate = rest
    return [*_spent(result["beside"]), f"{found['ndcg@10']:.4f}", "", "", filtered, "", rate]


def _figures(result: dict[str, Any]) -> list[str]:
    controls: dict[str, dict[str, float]] = result.get("controls", {})

    def figure(model: str, name: str) -> str:
        value = controls.get(model, {}).get(name)
        return "–" if value is None else f"{value:.4f}"

    hits = [controls.get(model, {}).get("hit_rate@20") for model in ("encoder", "backbone")]
    rate = "–" if hits[0] is None or hits[1] is None else f"{hits[0]:.3f} ({hits[0] - hits[1]:+.3f})"
    return [
        *_spent(result),
        f"{result['validation_ndcg@10']:.4f}",
        figure("no_attribute", "ndcg@10"),
        f"{result['backbone_ndcg']:.4f}",
        figure("encoder", "filtered_ndcg@10"),
        figure("backbone", "filtered_ndcg@10"),
        rate,
    ]
