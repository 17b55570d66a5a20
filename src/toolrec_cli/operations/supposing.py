"""What `replay --what-if NAME=VALUE` supposes, read into the plan that a run explored with."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from toolrec_cli.errors import UsageError, unknown
from toolrec_cli.operations.changing import Changes
from toolrec_cli.operations.exploring import AgentPlan
from toolrec_cli.tools.fusion import FUSIONS

TUNED = "tuned"
"""The fusion that `toolrec tune` learned, beside those by rule."""


def supposed(plan: AgentPlan, said: Sequence[str]) -> AgentPlan:
    """The plan with what is supposed, each "NAME=VALUE". Raises UsageError with the near miss for what cannot be supposed."""
    names: set[str] = set()
    for each in said:
        name, given, value = (part.strip() for part in each.partition("="))
        if name not in _SUPPOSED:
            raise UsageError(unknown("what-if", name, _SUPPOSED), hint=_HINT)
        if not given or not value or name in names:
            fault = "is said twice" if name in names else "needs a value"
            raise UsageError(f"--what-if {name} {fault}.", hint=_HINT)
        names.add(name)
        plan = _SUPPOSED[name](plan, value)
    return plan


def _memory(plan: AgentPlan, value: str) -> AgentPlan:
    return replace(plan, changed=replace(plan.changed or Changes(), memory=_on("memory", value)))


def _rank(plan: AgentPlan, value: str) -> AgentPlan:
    return replace(plan, changed=replace(plan.changed or Changes(), rank=_on("rank", value)))


def _fusion(plan: AgentPlan, value: str) -> AgentPlan:
    """By name; "tuned": as `toolrec tune` learned it, which only the built-in surrogate has."""
    names = [*FUSIONS, TUNED] if plan.model is None else [*FUSIONS]
    if value not in names:
        raise UsageError(unknown("fusion", value, names))
    if value == TUNED:
        return replace(plan, tuned=True, changed=plan.changed and replace(plan.changed, fusion=None))
    return replace(plan, changed=replace(plan.changed or Changes(), fusion=value))


def _attributes(plan: AgentPlan, value: str) -> AgentPlan:
    names = [] if value == "none" else [name.strip() for name in value.split(",")]
    return replace(plan, attributes=list(dict.fromkeys(names)))


def _rounds(plan: AgentPlan, value: str) -> AgentPlan:
    if not (value.isdecimal() and int(value) > 0):
        raise UsageError(f"--what-if max-rounds takes a number above 0, not {value!r}.", hint=_HINT)
    return replace(plan, limits=replace(plan.limits, max_rounds=int(value)))


def _backbone(plan: AgentPlan, value: str) -> AgentPlan:
    return replace(plan, backbone=value)


def _on(name: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise UsageError(f"--what-if {name} is on or off, not {value!r}.", hint=_HINT)
    return value == "on"


_SUPPOSED: dict[str, Callable[[AgentPlan, str], AgentPlan]] = {
    "memory": _memory,
    "attributes": _attributes,
    "max-rounds": _rounds,
    "backbone": _backbone,
    "rank": _rank,
    "fusion": _fusion,
}
_HINT = (
    "Suppose memory=off, rank=off, attributes=A,B (or none), max-rounds=N, backbone=RUN or "
    f"fusion={'|'.join([*FUSIONS, TUNED])}; repeat --what-if for several."
)
