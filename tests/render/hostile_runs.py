"""Runs of every verb, as values, with every text that a stranger could write taken from a list."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolrec_cli.agent.trajectory import (
    Brief,
    Finished,
    HistoryItem,
    ItemCard,
    Matched,
    Recommended,
    Refused,
    Rejected,
    Shown,
    ShownItem,
    Status,
    Step,
    Trajectory,
)
from toolrec_cli.evaluation.agreement import Alike
from toolrec_cli.evaluation.audit import STRICT, Audit, AuditRow
from toolrec_cli.evaluation.groups import Group
from toolrec_cli.evaluation.report import Failure, LLMRow, Report, Row
from toolrec_cli.evaluation.significance import Interval, Paired
from toolrec_cli.evaluation.variants import Comparison, VariantRow
from toolrec_cli.evaluation.what_if import RECORDED, SUPPOSED, Departure, WhatIf
from toolrec_cli.evaluation.what_if import Told as OfRecord
from toolrec_cli.llm.messages import Usage
from toolrec_cli.models.epochs import Epoch
from toolrec_cli.operations.reporting import Told
from toolrec_cli.operations.runs import described
from toolrec_cli.operations.whole import Figures
from toolrec_cli.storage.run_dir import Manifest, RunDir, resumed_by
from toolrec_cli.tools.protocol import Action, Exchange

Text = Callable[[int], str]
"""The text of a place: a stranger's, or a tame one."""

USAGE: dict[str, Any] = {
    "calls": 3,
    "cache_hits": 1,
    "failures": 0,
    "input_tokens": 1234,
    "cached_tokens": 0,
    "output_tokens": 56,
    "reasoning_tokens": 0,
    "dollars": 0.5,
}
INTERVAL, PAIRED = Interval(0.2, 0.1, 0.3, 60), Paired(0.1, -0.05, 0.2, 0.03, 0.06, 0.1)
METRICS: dict[str, Interval] = dict.fromkeys(("recall@10", "ndcg@10", "mrr@10", "hit@10", "map@10"), INTERVAL)


def every_run(text: Text) -> list[Told]:
    """One of each kind, with explorations where its verb has any."""
    explored = (trajectory(text), failed(text))
    return [
        told(
            text,
            "eval",
            evaluation(text),
            explored=explored,
            result={"n_users": 60, "usage": USAGE, "notes": [text(1)]},
        ),
        told(text, "ablate", comparison(text), within=(text(2),), result={"n_users": 60}),
        told(text, "audit", audit(text), result={"n_users": 60}),
        told(text, "what-if", what_if(text), explored=explored, result={"users": 2}),
        told(text, "recommend", explored=explored, result=recommended(text)),
        told(text, "train-encoder", epochs=epochs(), result=trained(text)),
        told(text, "tune", result=tuned()),
        told(text, "recommend", explored=explored, status="failed"),
    ]


def told(
    text: Text,
    verb: str,
    figures: Figures | None = None,
    *,
    explored: tuple[Trajectory, ...] = (),
    epochs: tuple[Epoch, ...] = (),
    within: tuple[str, ...] = (),
    result: dict[str, Any] | None = None,
    status: str = "done",
) -> Told:
    manifest = Manifest(
        verb=verb,
        subject=text(3),
        dataset=text(4),
        dataset_digest=text(5),
        settings={text(6): {"value": text(7), "from": text(8)}, "users": {"value": [text(9)], "from": "default"}},
        argv=("program", resumed_by(verb), text(10)),
        seed=42,
        versions={text(11): text(12)},
        inputs={text(13): text(14)},
        outputs={text(15): text(16)},
        result=result or {},
        status=status,
        reason=text(17) if status == "failed" else "",
        started="2026-11-25T20:35:04.077+00:00",
        resumed=({"started": text(18), "argv": ["program", text(19)], "drift": [text(20)]},),
    )
    run = RunDir(Path("runs") / text(21).replace("/", "∕")[:100], manifest)
    return Told(run, described([run], run), figures, epochs, explored, bool(explored), within, Path("/w"))


def trajectory(text: Text) -> Trajectory:
    """Every kind of observation, and a list that memory has filled up."""
    ids = [text(22), text(23), text(24), text(25)]
    items = {
        item_id: ItemCard(text(26 + n), {text(30): text(31), text(32): [text(33), text(34)]})
        for n, item_id in enumerate(ids)
    }
    seen = tuple(
        ShownItem(each, n, 0.5 - n, n == 1, (text(35), "rank:none")) for n, each in enumerate(ids[1:], start=1)
    )
    exchange = Exchange("turn", text(36), usage=Usage(1234, 56), model=text(37), seconds=1.0)
    steps = [
        Step(
            text(38),
            Action(text(39), {text(40): text(0)}),
            Shown(seen, (Rejected(text(1), text(2)),), text(3), (Matched(text(4), text(5), text(6)),)),
            (exchange,),
        ),
        Step(text(7), Action("rank", {"attribute": text(8), "k": 3}), Shown(seen, note=text(9))),
        Step(text(10), Action(text(11)), Refused(text(12), text(13))),
        Step(text(14), Action("finish", {"items": ids[1:]}), Finished(tuple(ids[1:]), (text(15),))),
    ]
    return Trajectory(
        user_id=text(16),
        dataset=text(17),
        surrogate=text(18),
        n=3,
        max_rounds=7,
        profile={text(19): text(20)},
        n_history=1,
        newest=(HistoryItem(ids[0], 4.5),),
        items=items,
        steps=steps,
        status=Status.PADDED,
        ranking=tuple(Recommended(n, each, (text(21),), n == 3) for n, each in enumerate(ids[1:], start=1)),
        brief=Brief(text(22), text(23), text(24), text(25), (text(26),)),
    )


def failed(text: Text) -> Trajectory:
    """Somebody without history, rounds or list."""
    return Trajectory(text(27), text(28), text(29), 10, 7, {}, 0, (), status=Status.FAILED)


def evaluation(text: Text) -> Report:
    names = [text(30), text(31), "surrogate"]
    beyond = {"coverage": INTERVAL, "novelty": INTERVAL}
    rows = tuple(
        Row(name, METRICS, None if n == 0 else dict.fromkeys(METRICS, PAIRED), beyond) for n, name in enumerate(names)
    )
    group = Group(text(32), text(33), 60, "ndcg@10", dict.fromkeys(names, INTERVAL), dict.fromkeys(names[1:], PAIRED))
    return Report(
        dataset=text(34),
        split="test",
        n_users=60,
        n=10,
        baseline=names[0],
        surrogate=text(35),
        rows=rows,
        candidate_recall=INTERVAL,
        mean_rounds=4.2,
        statuses={text(36): 60},
        failures=(Failure(text(37), "forced", text(38)),),
        out_of_reach=2,
        n_possible=100,
        groups=(group,),
        untuned="nothing was tuned",
        usage=USAGE,
        earned={"ndcg@10": PAIRED},
        llm_rows={text(39): LLMRow({"ordered": 60}, USAGE)},
    )


def comparison(text: Text) -> Comparison:
    versus = dict.fromkeys(METRICS, PAIRED)
    rows = (
        VariantRow(text(40), METRICS, None, {text(0): 1.5}),
        VariantRow(text(1), METRICS, versus, {text(0): 2.0}, text(40), text(2), versus),
    )
    return Comparison("ablate", text(3), text(4), text(5), "test", 60, 100, 10, text(40), rows, (text(6), text(7)))


def audit(text: Text) -> Audit:
    row = AuditRow(STRICT, 60, METRICS)
    return Audit(text(8), text(9), text(10), "test", 10, 60, 60, 60, 1, 1, 1, 1, 1, 1, (row,), (text(11), text(12)))


def what_if(text: Text) -> WhatIf:
    rows = (Row(RECORDED, METRICS, None), Row(SUPPOSED, METRICS, dict.fromkeys(METRICS, PAIRED)))
    return WhatIf(
        run=text(13),
        parent=text(14),
        supposed=(text(15),),
        dataset=text(16),
        surrogate={RECORDED: text(17), SUPPOSED: text(18)},
        statuses={RECORDED: {text(19): 2}, SUPPOSED: {text(20): 2}},
        mean_rounds={RECORDED: 5.0, SUPPOSED: 4.0},
        n_users=2,
        n=10,
        lists=Alike(2, 1, INTERVAL, INTERVAL, (("1", 2),), (("2", 2),), 2, 2),
        titles={"1": text(21), "2": text(22)},
        split="test",
        n_scored=2,
        rows=rows,
        why_no_metrics="",
        also_changed=(text(23),),
        told=OfRecord(1, 1, 0, (Departure(text(24), 1, text(25)),)),
    )


def recommended(text: Text) -> dict[str, Any]:
    index = {text(26): {"recall": 0.99, "queries": 100}}
    return {
        "users": 2,
        "statuses": {text(27): 2},
        "mean_rounds": 4.0,
        "untuned": text(28),
        "indexes": index,
        "unindexed": text(29),
    }


def trained(text: Text) -> dict[str, Any]:
    figures = {"ndcg@10": 0.2, "filtered_ndcg@10": 0.3, "hit_rate@20": 0.4}
    return {
        "attribute": text(30),
        "full": False,
        "beside": {"n_parameters": 200, "cpu_seconds": 12.0},
        "backbone_ndcg": 0.19,
        "epochs": 3,
        "best_epoch": 2,
        "validation_ndcg@10": 0.2,
        "n_parameters": 100,
        "cpu_seconds": 3.0,
        "controls": {"backbone": figures, "encoder": figures},
    }


def tuned() -> dict[str, Any]:
    gain = {"difference": 0.05, "low": 0.01, "high": 0.09}
    users = {"users": 6040, "users_with_their_item_among_the_candidates": 4150, "users_scored": 423}
    return {
        **users,
        "held_back_ndcg@10": 0.3,
        "backbone_ndcg@10": 0.25,
        "gain": gain,
        "too_few": True,
        "n_parameters": 2000,
    }


def epochs() -> tuple[Epoch, ...]:
    return tuple(
        Epoch(n, None if n == 0 else 7.0 - n, ndcg, ndcg == 0.3, 10, 1.0) for n, ndcg in enumerate((0.1, 0.3, 0.2))
    )
