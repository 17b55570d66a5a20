"""Explorations by a language model that is played: over the small world, and over the tiny data with its trained tools."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from agent.scripted import listed, shown
from toolrec_cli.agent.codec import decode, encode
from toolrec_cli.agent.demonstrations import demonstrations
from toolrec_cli.agent.llm_ranker import LLMRanker, RankHabits
from toolrec_cli.agent.llm_surrogate import LLMSurrogate, requests
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.prompting import make_brief
from toolrec_cli.agent.rank_question import rank_requests
from toolrec_cli.agent.trajectory import Brief, Status, Trajectory
from toolrec_cli.data.catalog import Catalog
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.messages import ChatModel, Reply, Request, ToolCall
from toolrec_cli.operations.exploring import Agent, AgentPlan, assemble
from toolrec_cli.operations.setting import Setting
from toolrec_cli.testing.played_model import PlayedModel, Script
from toolrec_cli.testing.surrogate import PlayedSurrogate
from toolrec_cli.tools.protocol import User
from toolrec_cli.tools.toolbox import Toolbox
from tools.small_world import N_ITEMS, WrittenScores, catalog, toolbox, user

PROTOCOLS = ("json", "tools", "react")
ATTRIBUTES = ("genre", "year")


class Says:
    """A `ChatModel` that gives these replies in turn, and the last for ever; remembers what it was asked."""

    name = "says"

    def __init__(self, *replies: Reply | str) -> None:
        self._replies = [Reply(reply, raw={"content": reply}) if isinstance(reply, str) else reply for reply in replies]
        self.requests: list[Request] = []

    def reply(self, request: Request) -> Reply:
        """The next reply."""
        self.requests.append(request)
        return self._replies[min(len(self.requests), len(self._replies)) - 1]


def called(name: str, arguments: str, *more: tuple[str, str]) -> Reply:
    """A reply with native calls, as a server sends it."""
    calls = [ToolCall(f"call_{place}", *each) for place, each in enumerate([(name, arguments), *more])]
    functions = [{"id": c.call_id, "function": {"name": c.name, "arguments": c.arguments}} for c in calls]
    return Reply("", tuple(calls), "tool_calls", raw={"role": "assistant", "tool_calls": functions})


@cache
def brief(protocol: str = "json", legal_only: bool = True, max_rounds: int = 7) -> Brief:
    """The brief over the small world."""
    items = catalog()
    facets = Facets(items)
    shown = demonstrations(items, facets, ATTRIBUTES) if protocol == "react" else ""
    return make_brief(
        items,
        facets,
        ATTRIBUTES,
        protocol=protocol,
        domain="films",
        max_rounds=max_rounds,
        demonstrations=shown,
        legal_only=legal_only,
    )


def house(
    model: ChatModel,
    told: Brief,
    *,
    habits: RankHabits | None = None,
    items: Catalog | None = None,
    limits: Limits | None = None,
) -> Explorer:
    """The model as surrogate and ranker in the small world."""
    items = items or catalog()
    scorer = WrittenScores(n_items=len(items))
    tools = toolbox(scorer, LLMRanker(model, told, habits))
    surrogate = LLMSurrogate(model, told)
    return Explorer(surrogate, tools, items, Facets(items), scorer.attributes, "small", limits or Limits())


def played(script: Script | None = None, protocol: str = "json", **more: bool) -> tuple[Trajectory, PlayedModel]:
    """One exploration of the small world by a script (None: one that behaves well)."""
    model = PlayedModel(script or PlayedSurrogate())
    return house(model, brief(protocol, **more)).explore(user()), model


def assert_sound(trajectory: Trajectory, history: Sequence[str], n_items: int = N_ITEMS) -> None:
    """A list of n valid items (or all there are), or a failure that says so; and a record that reads as it was written."""
    final = listed(trajectory)
    assert set(final) <= shown(trajectory)
    assert not set(final) & set(history)
    assert len(set(final)) == len(final)
    assert trajectory.status is not Status.RUNNING
    assert bool(final) == (trajectory.status is not Status.FAILED)
    assert not final or len(final) == min(trajectory.n, len(shown(trajectory)))
    assert 1 <= len(trajectory.steps) <= trajectory.max_rounds
    assert decode(encode(trajectory), "line 1") == trajectory


def assert_rebuilt(trajectory: Trajectory, model: PlayedModel | Says) -> None:
    """The record alone gives every question that was asked, byte for byte."""
    read = decode(encode(trajectory), "line 1")
    asked = [request for request in model.requests if "candidates:\n" not in request.messages[1].content]
    ordered = [request for request in model.requests if "candidates:\n" in request.messages[1].content]
    assert list(requests(read)) == asked
    assert list(rank_requests(read)) == ordered


class TinyHouse:
    """The tiny data with its trained tools, for one protocol and any model."""

    def __init__(self, workspace: Path, dataset: Dataset, protocol: str) -> None:
        self.agent: Agent = assemble(Setting(workspace), dataset, AgentPlan(tuned=False))
        self.agent.scorer.prepare(np.arange(dataset.n_users))
        explorer = self.agent.explorer
        shown = demonstrations(explorer.catalog, explorer.facets, explorer.attributes) if protocol == "react" else ""
        self.brief = make_brief(
            explorer.catalog,
            explorer.facets,
            explorer.attributes,
            protocol=protocol,
            domain="films",
            demonstrations=shown,
        )

    def explorer(self, model: ChatModel) -> Explorer:
        """The model as surrogate and as ranker."""
        was = self.agent.explorer
        tools = toolbox(self.agent.scorer, LLMRanker(model, self.brief))
        return replace(was, surrogate=LLMSurrogate(model, self.brief), toolbox=Toolbox(list(tools.tools.values())))

    def user(self, user_index: int) -> User:
        """Somebody of the tiny data."""
        return self.agent.user(user_index)

    def history(self, user_index: int) -> list[str]:
        """What he has, as ids."""
        return [self.agent.dataset.catalog.item_id(int(item)) for item in self.user(user_index).history]
