"""Where variants of the surrogate are tried on the same users, and how what came of it is written down."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from toolrec_cli.agent.loop import Explorer
from toolrec_cli.agent.trajectory import Status, Trajectory
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.interactions import Interactions, Part
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.evaluation.figure import svg
from toolrec_cli.evaluation.rows import padded
from toolrec_cli.evaluation.variants import Comparison, Variant, VariantRow, reading, rows_of
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble, blocks
from toolrec_cli.operations.setting import Setting
from toolrec_cli.progress import Progress, silent
from toolrec_cli.seeds import stream
from toolrec_cli.storage.atomic import write_json, write_text
from toolrec_cli.storage.run_dir import RunDir, recording
from toolrec_cli.storage.tables import RANKINGS, VARIANTS, write_table
from toolrec_cli.tools.retrieve import masked, top_k

IntArray = npt.NDArray[np.int64]
OnTrajectory = Callable[[str, Trajectory], None]


@dataclass(frozen=True)
class Bench:
    """A data set, the surrogate's plan, and the users every variant is tried on."""

    setting: Setting
    dataset: Dataset
    plan: AgentPlan
    users: IntArray
    n_possible: int
    part: Part
    progress: Progress = silent
    noise: tuple[int, ...] = ()
    """How many made-up attributes are added, where that is what is asked."""

    def agent(self, histories: Interactions | None = None, **changes: Any) -> Agent:
        """The surrogate with its tools, the plan changed so."""
        return assemble(self.setting, self.dataset, replace(self.plan, **changes), self.users, histories)

    def explored(
        self, agent: Agent, explorers: Mapping[str, Explorer], on_end: OnTrajectory | None = None
    ) -> list[Variant]:
        """Every explorer for every user, with its mean rounds, CPU milliseconds a user, and users without a list of their own."""
        n = agent.explorer.limits.n
        made = {name: _Made(np.zeros((len(self.users), n), np.int64)) for name in explorers}
        done = 0
        for explorer in explorers.values():  # what is made on first use is nobody's cost
            explorer.explore(agent.user(int(self.users[0])))
        for block in blocks(agent, self.users):
            for index in block.tolist():
                for name, explorer in explorers.items():
                    user = agent.user(index)  # afresh: what is counted of him stays with him
                    begun = time.process_time()
                    trajectory = explorer.explore(user)
                    made[name].note(done, trajectory, explorer, time.process_time() - begun)
                    if on_end:
                        on_end(name, trajectory)
                done += 1
                self.progress("users", done, len(self.users))
        return [each.variant(name) for name, each in made.items()]

    def retrieved(self, agent: Agent, attribute: str | None, name: str) -> Variant:
        """One tool's best, without any exploring."""
        n = agent.explorer.limits.n
        lists = np.zeros((len(self.users), n), np.int64)
        done = 0
        for block in blocks(agent, self.users):
            for index in block.tolist():
                scores = masked(agent.scorer.scores(attribute, index), agent.histories.history(index))
                lists[done] = padded(top_k(scores, n), n)
                done += 1
        return Variant(name, lists)


@dataclass
class _Made:
    lists: IntArray
    rounds: list[int] = field(default_factory=list[int])
    seconds: float = 0.0
    unfinished: int = 0

    def note(self, place: int, trajectory: Trajectory, explorer: Explorer, seconds: float) -> None:
        named = [explorer.catalog.resolve(entry.item_id) for entry in trajectory.ranking]
        self.lists[place] = padded([match.item_index for match in named if match], self.lists.shape[1])
        self.rounds.append(len(trajectory.steps))
        self.seconds += seconds
        self.unfinished += trajectory.status is not Status.FINISHED

    def variant(self, name: str) -> Variant:
        n = max(1, len(self.rounds))
        measured = {"rounds": sum(self.rounds) / n, "CPU ms": 1000 * self.seconds / n, "unfinished": self.unfinished}
        return Variant(name, self.lists, measured)


def prepared(
    setting: Setting,
    dataset: Dataset,
    plan: AgentPlan,
    n_users: int | None,
    progress: Progress = silent,
    noise: tuple[int, ...] = (),
) -> Bench:
    """The users drawn by the seed. Raises UsageError where nothing is held out, InputError where nobody can be asked."""
    if plan.before is None:
        raise UsageError("An evaluation needs a held-out part.", hint="Use --split test or --split validation.")
    asked = dataset.users_with(plan.before)
    if not len(asked):
        raise InputError(
            "Nobody in this data set has a held-out item.", hint="Each user needs at least 3 interactions."
        )
    few = n_users is not None and n_users < len(asked)
    users = np.sort(stream(setting.seed, "evaluated users").choice(asked, n_users, replace=False)) if few else asked
    return Bench(setting, dataset, plan, users, len(asked), plan.before, progress, noise)


def compared(
    bench: Bench, verb: str, kind: str, question: str, make: Callable[[Bench], tuple[list[Variant], str]]
) -> tuple[RunDir, Comparison]:
    """Make every variant's lists and write them down; only then read what was held out. `make` also names the reference."""
    setting, dataset = bench.setting, bench.dataset
    with recording(setting.runs, setting.manifest(verb, f"{dataset.name}-{kind}", dataset), setting.out) as run:
        variants, reference = make(bench)
        n = variants[0].lists.shape[1]
        _write_lists(run, bench, variants)
        targets = dataset.held_out(bench.part)[bench.users].astype(np.int64)
        rows = rows_of(variants, targets, n, reference, setting.seed)
        found = Comparison(
            verb=verb,
            kind=kind,
            question=question,
            dataset=dataset.name,
            split=str(bench.part),
            n_users=len(bench.users),
            n_possible=bench.n_possible,
            n=n,
            reference=reference,
            rows=rows,
            reading=reading(rows, reference, n),
        )
        write_table(run.path / "variants.parquet", VARIANTS, _table(rows))
        write_text(run.path / "variants.svg", svg(f"{dataset.name}, {verb} {kind}: NDCG@{n}", rows, f"ndcg@{n}"))
        write_json(run.path / "report.json", asdict(found))
        run.update(result={"kind": kind, "n_users": len(bench.users)})
    return run, found


def _write_lists(run: RunDir, bench: Bench, variants: list[Variant]) -> None:
    """rankings.parquet; a name that is no item's stands as an empty id."""
    ids = pl.concat([pl.Series([""]), bench.dataset.catalog.frame["item_id"]])
    user_ids = bench.dataset.users["user_id"].gather(bench.users)
    columns: dict[str, list[pl.Series]] = {name: [] for name in RANKINGS}
    for variant in variants:
        who, place = np.nonzero(variant.lists)
        items = variant.lists[who, place]
        columns["row"].append(pl.repeat(variant.name, len(who), eager=True))
        columns["user_id"].append(user_ids.gather(who))
        columns["rank"].append(pl.Series(place + 1))
        columns["item_id"].append(ids.gather(np.where(items < len(ids), items, 0)))
    write_table(run.path / "rankings.parquet", RANKINGS, {name: pl.concat(parts) for name, parts in columns.items()})


def _table(rows: tuple[VariantRow, ...]) -> dict[str, list[Any]]:
    """A line a variant and figure; what was measured besides has a mean alone."""
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        for metric, each in row.metrics.items():
            versus = row.versus[metric] if row.versus else None
            against = (
                (versus.difference, versus.low, versus.high, versus.p_value, versus.p_holm) if versus else (None,) * 5
            )
            beside = row.against or None
            lines.append((row.name, metric, each.n, each.mean, each.low, each.high, *against, beside))
        lines += [(row.name, name, None, value, *(None,) * 8) for name, value in row.measured.items()]
    return {name: [line[place] for line in lines] for place, name in enumerate(VARIANTS)}
