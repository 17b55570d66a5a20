"""A language model in the surrogate's place: what is planned, what it is told, and how it is asked."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from toolrec_cli.agent.demonstrations import demonstrations
from toolrec_cli.agent.llm_ranker import LLMRanker, RankHabits
from toolrec_cli.agent.llm_surrogate import LLMSurrogate
from toolrec_cli.agent.loop import Explorer, Limits
from toolrec_cli.agent.prompting import VERSION, choose_domain, make_brief
from toolrec_cli.agent.trajectory import Brief
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.facets import Facets
from toolrec_cli.llm.elsewhere import Staying
from toolrec_cli.llm.endpoint import ProtocolName
from toolrec_cli.llm.messages import ChatModel
from toolrec_cli.llm.metered import labelled
from toolrec_cli.llm.replayed import FromRecord
from toolrec_cli.llm.stack import Earlier, ModelOptions, Stack, build, settings_digest
from toolrec_cli.models.scoring import BlockScorer
from toolrec_cli.operations.accounting import EXCHANGES, FAILURES, UNANSWERED, ExchangeLog
from toolrec_cli.operations.setting import Setting
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.tools.finish import FinishTool
from toolrec_cli.tools.rank import RankTool
from toolrec_cli.tools.retrieve import RetrievalTool
from toolrec_cli.tools.toolbox import Toolbox


@dataclass(frozen=True)
class ModelPlan:
    """Which model plays the surrogate and the rank tool. None is: as the endpoint's preset, or the data set, suggests."""

    options: ModelOptions
    protocol: ProtocolName | None = None
    prompt: str | None = None
    """What the data set is about: one of `agent.prompting.DOMAINS`."""
    samples: int = 1
    """How often an order of candidates is asked for, each time over a fresh permutation of them."""
    merge: str = "borda"
    """How these orders become one."""
    version: str | None = None
    """Of the prompt templates; None: today's, or those that the run began with which goes on."""


@dataclass(frozen=True)
class Speaker:
    """A model that is ready to be asked, with all that it is told beforehand."""

    stack: Stack
    brief: Brief
    habits: RankHabits
    log: ExchangeLog
    unanswered: ExchangeLog
    """Questions that may have been billed and got no answer."""
    failures: ExchangeLog
    """Questions that ended without one."""

    @property
    def inputs(self) -> dict[str, str]:
        """Who is asked and how told, without a key, as the manifest holds it; a run that goes on is recognised by it."""
        endpoint = self.stack.endpoint
        return {
            "model": self.stack.model.name,
            "model:endpoint": endpoint.base_url,
            "model:settings": settings_digest(endpoint),
            "model:protocol": self.brief.protocol,
            "model:prompt": f"{self.brief.prompt} {self.brief.digest}",
        }

    @property
    def progress(self) -> str:
        """ "1,204 calls · 2,310,000 tokens · $0.12", for the bar."""
        spent = self.stack.ledger.total
        tokens = spent.usage.input_tokens + spent.usage.output_tokens
        money = "" if spent.dollars is None or not self.stack.prices.known else f" · ${spent.dollars:.4f}"
        return f"{spent.calls:,} calls · {tokens:,} tokens{money}"

    @contextmanager
    def asked_for(self, n_users: int, at_once: int) -> Generator[None]:
        """While so many users are worked on, each within `about`; `at_once` of them beside each other."""
        with self.stack.heard.crowd(n_users, at_once):
            yield

    @contextmanager
    def about(self, user_id: str) -> Generator[None]:
        """While one user is worked on: what is asked is counted for him."""
        with self.stack.heard.member(), labelled(user_id):
            yield

    @property
    def ranker(self) -> LLMRanker:
        """The model as the rank tool."""
        return LLMRanker(self.stack.model, self.brief, self.habits)

    def explorer(self, dataset: Dataset, facets: Facets, scorer: BlockScorer, limits: Limits) -> Explorer:
        """The surrogate with its tools, for the limits that its brief was made with."""
        return spoken_explorer(Staying(self.stack.model), self.brief, self.habits, dataset, facets, scorer, limits)


def spoken_explorer(
    model: ChatModel,
    brief: Brief,
    habits: RankHabits,
    dataset: Dataset,
    facets: Facets,
    scorer: BlockScorer,
    limits: Limits,
) -> Explorer:
    """`model` as the surrogate and as the rank tool, beside the real tools."""
    tools = Toolbox([RetrievalTool(scorer), RankTool(LLMRanker(model, brief, habits)), FinishTool()])
    surrogate = LLMSurrogate(model, brief)
    return Explorer(surrogate, tools, dataset.catalog, facets, scorer.attributes, dataset.name, limits)


def introduce(
    setting: Setting,
    dataset: Dataset,
    facets: Facets,
    attributes: tuple[str, ...],
    limits: Limits,
    plan: ModelPlan,
    before: RunDir | None = None,
    upon: FromRecord | None = None,
) -> Speaker:
    """The model, asked nothing yet; `before` is the run that goes on, whose answers count in ledger and budget; what is on
    record (`upon`) it is not asked.

    Raises UsageError for settings that make no sense, InputError for a key file or a cache that cannot be used.
    """
    log, unanswered, failures = ExchangeLog(), ExchangeLog(), ExchangeLog()
    stack = build(
        plan.options,
        setting.environment,
        setting.workspace,
        sink=log.add,
        unanswered=unanswered.add,
        failed=failures.add,
        earlier=_earlier(before) if before else None,
        around=upon.over if upon else None,
    )
    protocol, legal_only = plan.protocol or stack.endpoint.protocol, stack.endpoint.dynamic_schema
    plan = replace(plan, version=plan.version or (prompt_version(before) if before else VERSION))
    brief = brief_of(plan, dataset, facets, attributes, limits, protocol, legal_only=legal_only)
    return Speaker(stack, brief, habits_of(plan, setting), log, unanswered, failures)


def habits_of(plan: ModelPlan, setting: Setting) -> RankHabits:
    """How the model is asked for an order."""
    return RankHabits(plan.samples, plan.merge, seed=setting.seed)


def brief_of(
    plan: ModelPlan,
    dataset: Dataset,
    facets: Facets,
    attributes: tuple[str, ...],
    limits: Limits,
    protocol: str,
    *,
    legal_only: bool,
) -> Brief:
    """What the model is told beforehand, by templates of the plan's version (or today's); `legal_only` is the endpoint's."""
    catalog = dataset.catalog
    return make_brief(
        catalog,
        facets,
        attributes,
        protocol=protocol,
        domain=plan.prompt or choose_domain(dataset.card.source, dataset.name, catalog.attributes),
        n=limits.n,
        max_rounds=limits.max_rounds,
        demonstrations=demonstrations(catalog, facets, attributes) if protocol == "react" else "",
        legal_only=legal_only,
        version=plan.version or VERSION,
    )


def prompt_version(run: RunDir) -> str:
    """Of which version the templates were that a run was begun with; today's where it does not say."""
    found = re.match(r"\w+/(\d+) ", run.manifest.inputs.get("model:prompt", ""))
    return found[1] if found else VERSION


def _earlier(run: RunDir) -> Earlier:
    """What a run has asked before; once another server answered in it, nobody knows which answer is whose."""
    drifted = any(name.startswith("inputs.model") for entry in run.manifest.resumed for name in entry.get("drift", ()))
    settings = "" if drifted else run.manifest.inputs.get("model:settings", "")
    return Earlier(run.path / EXCHANGES, run.path / UNANSWERED, settings, run.path / FAILURES)
