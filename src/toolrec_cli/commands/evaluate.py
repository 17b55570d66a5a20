"""toolrec eval"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options
from toolrec_cli.commands.again import again, resumable


class Split(StrEnum):
    """The part of the split whose items are held out."""

    VALIDATION = "validation"
    TEST = "test"


@resumable
@llm.with_model
def evaluate(
    ctx: typer.Context,
    dataset: options.DatasetName = None,
    users: Annotated[
        str, typer.Option("--users", metavar="N|all", help="So many users, drawn by the seed; or all of them.")
    ] = "all",
    split: Annotated[Split, typer.Option(help="Which held-out items to look for.")] = Split.TEST,
    k: Annotated[
        list[str] | None, typer.Option("--k", metavar="K[,K…]", help="Cut-offs, up to 100. Default: 10.")
    ] = None,
    n: options.Length = 10,
    baselines: Annotated[
        str,
        typer.Option(
            metavar="all|none|A,B",
            help="What else to compare with; beside them every other backbone. all,llm: also --model without exploring.",
        ),
    ] = "all",
    groups: Annotated[
        bool, typer.Option("--groups", help="Also by history length, and by age and popularity of the held-out item.")
    ] = False,
    ablate: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="rounds, attributes, memory, rank, tuned, parts or encoders: what each is worth."
        ),
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            "--noise", metavar="N[,N…]", help="--ablate attributes: made-up ones added. Default: 1,2,4,8,16,32."
        ),
    ] = None,
    max_rounds: options.Rounds = 7,
    attributes: options.Attributes = None,
    backbone: options.Backbone = None,
    tuned: options.Tuned = True,
    resume: options.Resume = None,
    allow_drift: options.AllowDrift = False,
    workers: options.Workers = None,
    runner: options.Runner = "local",
    ray_address: options.RayAddress = None,
    seed: options.Seed = 42,
    out: options.Out = None,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """Many users -> metrics with 95 % intervals: backbones, each tool alone, their fusion, baselines, and the surrogate.

    Every user asked is in the denominator, and no held-out item is read before all lists are written.
    With --model a language model is the surrogate, and the built-in one a row beside it, which it has to beat.
    Places below --n are filled with what the surrogate was shown, so that a figure at 10 is the same whatever else is asked.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec eval ml-1m --k 5,10,20 --groups[/bold]
    [bold]toolrec eval ml-1m --users 500 --ablate rounds[/bold]
    [bold]toolrec eval ml-1m --users 500 --model gpt-4.1-mini --dry-run[/bold]
    """
    import os

    from toolrec_cli.agent.loop import Limits
    from toolrec_cli.commands import ready
    from toolrec_cli.data.interactions import Part
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.evaluating import EvalPlan, whom
    from toolrec_cli.operations.evaluating import evaluate as run_evaluate
    from toolrec_cli.operations.exploring import AgentPlan
    from toolrec_cli.operations.setting import Setting
    from toolrec_cli.render.bill import say_usage
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.report import print_report

    pace = llm.pace(ctx.params, watched=ablate is not None)
    n_users = options.number_or_all(users, "--users")
    ks = options.cutoffs(k)
    found = ready.dataset(workspace, dataset)
    chosen = _chosen(baselines, found)
    ready.known(found, attributes=attributes)
    setting = Setting(workspace, seed, out, options.call_of(ctx), os.environ)
    ready.trained(setting, found)
    model_plan = llm.model_plan(ctx.params, workspace)
    agent = AgentPlan(backbone, attributes, Limits(n, max_rounds), Part(split.value), tuned, model_plan)
    if resume is None:
        ready.all_there_are(n_users, len(found.users_with(agent.before)), f"with a held-out item ({split.value} split)")
    if ablate is not None:
        if resume is not None:
            raise UsageError("An ablation cannot go on where it was stopped.", hint="Leave --resume out.")
        _ablate(setting, found, ablate, agent, n_users, noise, as_json)
        return
    plan = EvalPlan(agent, n_users, ks, chosen, groups)
    goes_on = again(workspace, resume, allow_drift)
    if ctx.params["dry_run"]:
        llm.show_dry_run(setting, found, whom(setting, found, plan, goes_on), goes_on, agent, as_json, plan.asked)
        return
    with bars() as progress:
        run, report = run_evaluate(setting, found, plan, progress, again=goes_on, pace=pace)
    print_report(report, as_json=as_json)
    say_usage(run.manifest.result)
    if tuned and report.untuned:
        say(f"The {'built-in ' if model_plan else ''}surrogate went untuned: {report.untuned}.", style="dim")
    say(f"Recorded in {run.path}. One user: toolrec replay {run.path} --user ID", style="dim")
    options.leave_if_unfinished(
        run, report.statuses, report.n_users, model=model_plan is not None, llm_rows=report.llm_rows
    )


def _chosen(baselines: str, found: Any) -> tuple[str, ...]:
    """The baselines meant: "all" of those that cost nothing and such a catalogue allows (why not the others is said), "llm" all
    of a language model's. Raises UsageError for one that does not exist.
    """
    from toolrec_cli.agent.baseline import LLM_BASELINES
    from toolrec_cli.errors import UsageError, unknown
    from toolrec_cli.evaluation.baseline import BASELINES
    from toolrec_cli.operations.comparing import beyond_reach
    from toolrec_cli.render.console import say

    if baselines == "none":
        return ()
    said = [name.strip() for name in baselines.split(",")]
    known = [*BASELINES.names(), *LLM_BASELINES.names()]
    if wrong := [name for name in said if name not in (*known, "all", "llm")]:
        raise UsageError(unknown("baseline", wrong[0], known))
    everything = BASELINES.names() if "all" in said else []
    reasons = {name: beyond_reach(name, found.card.counts["items"]) for name in everything if name not in said}
    for why in filter(None, reasons.values()):
        say(f"Left out: {why}.", style="dim")
    groups = {"all": [name for name in everything if not reasons.get(name)], "llm": LLM_BASELINES.names()}
    return tuple(dict.fromkeys(name for each in said for name in groups.get(each, [each])))


def _ablate(
    setting: Any, found: Any, kind: str, agent: Any, n_users: int | None, noise: list[str] | None, as_json: bool
) -> None:
    """`--ablate`: the table, the plot and the reading of one ablation. Raises UsageError for a language model's."""
    from toolrec_cli.errors import UsageError
    from toolrec_cli.operations.ablating import NOISE, ablate
    from toolrec_cli.render.console import say
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.variants import print_comparison

    if agent.model is not None:
        raise UsageError("Ablations are of the built-in surrogate.", hint="Leave --model out, or --ablate.")
    added = options.cutoffs(noise, most=32, option="--noise") if noise else NOISE
    with bars() as progress:
        run, compared = ablate(setting, found, kind, agent, n_users, added, progress)
    print_comparison(compared, as_json=as_json)
    say(f"Recorded in {run.path}: variants.parquet, variants.svg, rankings.parquet, report.json", style="dim")
