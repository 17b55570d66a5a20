"""toolrec eval"""

from typing import Any

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options
from toolrec_cli.commands.again import resumable
from toolrec_cli.commands.eval_options import Ablation, Asked
from toolrec_cli.commands.grouping import grouped
from toolrec_cli.commands.groups import Output, Resumed, Surrogate, Work


@resumable
@llm.with_model
@grouped
def evaluate(
    ctx: typer.Context,
    *,
    dataset: options.DatasetName = None,
    asked: Asked,
    ablation: Ablation,
    surrogate: Surrogate,
    resumed: Resumed,
    work: Work,
    output: Output,
) -> None:
    """Many users -> metrics with 95 % intervals: backbones, each tool alone, their fusion, baselines, and the surrogate.

    Every user asked is in the denominator, and no held-out item is read before all lists are written.
    With --model a language model is the surrogate, and the built-in one a row beside it, which it has to beat.
    Places below --n are filled with what the surrogate was shown, so that a figure at 10 is the same whatever else is asked.
    Stopped, a run goes on where it was with --resume.

    [bold]toolrec eval ml-1m --k 5,10,20 --groups[/bold]
    [bold]toolrec eval ml-1m --users 500 --ablate rounds[/bold]
    [bold]toolrec eval ml-1m --users 500 --ablate models --model gpt-4.1-mini --against-model gpt-4.1-nano --dry-run[/bold]
    """
    from toolrec_cli.commands import ready

    pace = llm.pace(ctx.params, work, watched=ablation.ablate is not None)
    n_users, ks = options.number_or_all(asked.users, "--users"), options.cutoffs(asked.k)
    found = ready.dataset(output.workspace, dataset)
    baselines = _chosen(asked.baselines, found)
    ready.known(found, attributes=surrogate.attributes)
    setting = output.setting(ctx)
    if ablation.ablate is not None:
        _known_ablation(ablation.ablate)
    agent = surrogate.plan(asked.split, llm.model_plan(ctx.params, output.workspace))
    other = ablation.other_model(agent.model)
    if resumed.resume is None:
        ready.all_there_are(n_users, *options.held_out(found, asked.split))
    again = resumed.again(output.workspace)
    ready.trained(setting, found)
    ready.tools(setting, found, agent)
    if ablation.ablate is not None:
        return _ablate(ctx, setting, found, ablation, agent, other, n_users, again, output.as_json)
    from toolrec_cli.operations.evaluating import EvalPlan, whom

    plan = EvalPlan(agent, n_users, ks, baselines, asked.groups)
    if ctx.params["dry_run"]:
        return llm.show_dry_run(
            setting, found, whom(setting, found, plan, again), again, agent, output.as_json, plan.asked
        )
    _evaluate(setting, found, plan, again, pace, output.as_json)


def _evaluate(setting: Any, found: Any, plan: Any, again: Any, pace: Any, as_json: bool) -> None:
    """The table; exit code 5 where somebody has no list, or a model's is not its own."""
    from toolrec_cli.operations.evaluating import evaluate
    from toolrec_cli.render.bill import say_usage
    from toolrec_cli.render.console import say
    from toolrec_cli.render.outcome import say_retrieval
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.report import notes, print_report

    with_model = plan.agent.model is not None
    with bars() as progress:
        run, report = evaluate(setting, found, plan, progress, again=again, pace=pace)
    print_report(report, as_json=as_json)
    say_usage(run.manifest.result)
    say_retrieval(run.manifest.result)
    for note in notes(report) if plan.agent.tuned else ():
        say(note, style="dim")
    say(f"Recorded in {run.path}. One user: toolrec replay {run.typed} --user ID", style="dim")
    options.leave_if_unfinished(run, report.statuses, report.n_users, model=with_model, llm_rows=report.llm_rows)


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


def _known_ablation(name: str) -> None:
    """Raises UsageError for one that does not exist."""
    from toolrec_cli.operations.ablating import ABLATIONS

    ABLATIONS.get(name)


def _ablate(
    ctx: typer.Context,
    setting: Any,
    found: Any,
    ablation: Ablation,
    agent: Any,
    other: Any,
    n_users: int | None,
    again: Any,
    as_json: bool,
) -> None:
    """`--ablate`: the table, the plot and the reading of one ablation; or, before a model is asked anything, the bill."""
    from toolrec_cli.operations.ablating import NOISE, AblationPlan, ablate
    from toolrec_cli.render.bill import say_usage
    from toolrec_cli.render.progress import bars
    from toolrec_cli.render.variants import print_comparison, say_recorded

    added = options.cutoffs(ablation.noise, most=32, option="--noise") if ablation.noise else NOISE
    plan = AblationPlan(agent, n_users, added, other)
    if ctx.params["dry_run"] and ablation.ablate == "models":
        return _show_bills(setting, found, plan, again, as_json)
    with bars() as progress:
        run, compared = ablate(setting, found, str(ablation.ablate), plan, progress=progress, again=again)
    print_comparison(compared, as_json=as_json)
    say_usage(run.manifest.result)
    say_recorded(run.path)
    without = {row.name: int(row.measured.get("no list", 0)) for row in compared.rows}
    options.leave_if_without(without, compared.n_users)


def _show_bills(setting: Any, found: Any, plan: Any, again: Any, as_json: bool) -> None:
    from toolrec_cli.operations.rivals import bills
    from toolrec_cli.render.bill import print_dry_runs

    print_dry_runs(bills(setting, found, plan, again), as_json=as_json)
