"""Which language model, and is it worth its price: two on the same users, beside the built-in surrogate, which costs nothing."""

from collections.abc import Sequence
from dataclasses import replace

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.evaluation.significance import Paired
from toolrec_cli.evaluation.variants import Variant, VariantRow
from toolrec_cli.llm.budgeted import Amount
from toolrec_cli.operations.ablating import AblationKind, AblationPlan
from toolrec_cli.operations.bench import Bench
from toolrec_cli.operations.list_making import BUILTIN
from toolrec_cli.operations.rivals import DOLLARS_A_THOUSAND, explored, identities, paid, rivals, together
from toolrec_cli.operations.setting import Setting
from toolrec_cli.wording import counted

POINT = 0.01
"""Of NDCG."""
DOLLARS_A_POINT = "$ per point"


def make(bench: Bench, plan: AblationPlan) -> tuple[list[Variant], str]:
    """Both models, then the built-in surrogate, which is the reference; the second model is compared with the first, too."""
    one, other = rivals(plan.agent.model, plan.other_model)
    agent = bench.agent(model=None)
    (builtin,) = bench.explored(agent, {BUILTIN: agent.explorer})
    first, run = explored(bench, one, Amount())
    second, last = explored(bench, other, paid(run))
    bench.run.update(result={**bench.run.manifest.result, "usage": together(run, last)})
    return [first, replace(second, also=first.name), builtin], BUILTIN


def inputs(setting: Setting, dataset: Dataset, plan: AblationPlan) -> dict[str, str]:
    """Who is asked. Raises UsageError unless there are two who can be."""
    return identities(setting, rivals(plan.agent.model, plan.other_model))


def priced(rows: Sequence[VariantRow], reference: str, n: int) -> tuple[VariantRow, ...]:
    """With what a point of NDCG above the built-in surrogate costs, for a thousand users, where there is one."""
    return tuple(replace(row, measured={**row.measured, **_a_point(row, n)}) for row in rows)


def _a_point(row: VariantRow, n: int) -> dict[str, float]:
    gained = row.versus[f"ndcg@{n}"].difference if row.versus else 0.0
    if gained <= 0 or DOLLARS_A_THOUSAND not in row.measured:
        return {}
    return {DOLLARS_A_POINT: row.measured[DOLLARS_A_THOUSAND] * POINT / gained}


def read(rows: Sequence[VariantRow], reference: str, n: int) -> tuple[str, str]:
    """Which is better, and what each costs for what it adds."""
    one, other, builtin = rows
    metric = f"ndcg@{n}"
    means = ", ".join(f"{row.metrics[metric].mean:.4f} ({row.name})" for row in (one, other, builtin))
    beside = (other.versus_also or {})[metric]
    first = (
        f"NDCG@{n}: {means}, over {counted(one.metrics[metric].n, 'user')}. {other.name} against {one.name}: "
        f"{beside.difference:+.4f}, {_told(beside)}."
    )
    return first, f"For 1,000 users {_worth(one, metric)}; {_worth(other, metric)}."


def _worth(row: VariantRow, metric: str) -> str:
    """ "A adds +0.0123 to the built-in surrogate for $1.20 (told from chance), $0.98 a point of 0.01"."""
    dollars, point = row.measured.get(DOLLARS_A_THOUSAND), row.measured.get(DOLLARS_A_POINT)
    price = "at a price that is not known" if dollars is None else f"for ${dollars:,.2f}"
    versus = (row.versus or {})[metric]
    said = f"{row.name} adds {versus.difference:+.4f} to the built-in surrogate {price} ({_told(versus)})"
    return said if point is None else f"{said}, ${point:,.2f} a point of {POINT}"


def _told(versus: Paired) -> str:
    p = versus.p_value if versus.p_holm is None else versus.p_holm
    return "told from chance" if p < 0.05 else "not told from chance"


ABLATION = AblationKind(
    "Which language model, and is it worth its price against none at all?", make, inputs, priced, read, of_models=True
)
