"""What a run found, in the order of the page: the tables and sentences of the terminal, and plots."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from toolrec_cli.evaluation import figure
from toolrec_cli.evaluation.audit import Audit
from toolrec_cli.evaluation.report import Report
from toolrec_cli.evaluation.variants import Comparison
from toolrec_cli.evaluation.what_if import WhatIf
from toolrec_cli.operations import learning_curve
from toolrec_cli.operations.reporting import Told
from toolrec_cli.render import audit, outcome, report, training, variants, what_if
from toolrec_cli.render.bill import spoken_usage
from toolrec_cli.render.figures import heading
from toolrec_cli.render.sheet import Line, Sheet, columns


@dataclass(frozen=True)
class Part:
    """One of: a table, a plot (an SVG whose texts are escaped), a sentence; `warns` if it is something to mind."""

    sheet: Sheet | None = None
    plot: Markup | None = None
    caption: str = ""
    text: str = ""
    warns: bool = False


def found(told: Told) -> list[Part]:
    """All of it; nothing where a run has nothing yet."""
    result = told.run.manifest.result
    return [*_figures(told), *_curve(told), *_of_verb(told.run.manifest.verb, result), *_asked(result)]


def _figures(told: Told) -> list[Part]:
    match told.figures:
        case Report() as found:
            return _evaluation(found)
        case Comparison() as found:
            return _comparison(found)
        case Audit() as found:
            return [Part(audit.counted(found)), *_texts(audit.sentences(found))]
        case WhatIf() as found:
            return _what_if(found)
        case None:
            return []


def _evaluation(found: Report) -> list[Part]:
    ks = report.cutoffs(found)
    k = "10" if "10" in ks else ks[0]
    plot = _plot(figure.svg("", found.rows, f"ndcg@{k}"), f"{heading(f'ndcg@{k}')}, mean and 95 % interval")
    tables, behind = [Part(sheet) for sheet in report.sheets(found)], ks.index(k) + 1
    failures = (said for _, said in report.failures(found))
    return [
        *tables[:behind],
        plot,
        *tables[behind:],
        *_texts([*report.sentences(found), *report.notes(found)]),
        *_texts([*report.warnings(found), *failures], warns=True),
    ]


def _comparison(found: Comparison) -> list[Part]:
    plot = _plot(figure.svg("", found.rows, f"ndcg@{found.n}"), f"NDCG@{found.n}, mean and 95 % interval")
    sheets = [variants.compared(found), *variants.measured(found)]
    return [Part(text=variants.asked(found)), Part(sheets[0]), plot, *map(Part, sheets[1:]), *_texts(found.reading)]


def _what_if(found: WhatIf) -> list[Part]:
    metrics = what_if.metrics(found)
    return [
        Part(text=what_if.supposed(found)),
        Part(what_if.explored(found)),
        *_texts(what_if.of_lists(found)),
        *([Part(metrics)] if metrics else []),
        *_texts(what_if.without_metrics(found)),
        *_texts(what_if.besides(found), warns=True),
        *_texts(what_if.of_record(found)),
    ]


def _curve(told: Told) -> list[Part]:
    """How a training went; nothing before its first epoch is over."""
    if not any(epoch.best for epoch in told.epochs):
        return []
    return [_plot(learning_curve.svg(told.epochs, ""), "Validation NDCG@10 and loss, by epoch")]


def _of_verb(verb: str, result: Mapping[str, Any]) -> list[Part]:
    """What is said of the run's result; a run that has not come so far has none, or not all of it."""
    needed, say = _SAID.get(verb, (frozenset[str](), _nothing))
    return say(result) if needed <= result.keys() and result else []


def _nothing(result: Mapping[str, Any]) -> list[Part]:
    return []


def _training(result: Mapping[str, Any]) -> list[Part]:
    parts = [*_texts([training.trained(result), *training.beside_backbone(result)])]
    controls = [Part(training.controls(result))] if "controls" in result else []
    return [*parts, *controls, *_texts(training.share(result))]


def _tuning(result: Mapping[str, Any]) -> list[Part]:
    return [*_texts(training.learned(result)), *_texts(training.too_few(result), warns=True)]


def _recommending(result: Mapping[str, Any]) -> list[Part]:
    return [Part(Sheet("", columns("", ""), tuple(map(Line, outcome.counts(result)))))]


_TRAINED = frozenset({"validation_ndcg@10", "best_epoch", "epochs", "n_parameters", "cpu_seconds"})
_TUNED = frozenset(
    {
        "users_with_their_item_among_the_candidates",
        "users",
        "gain",
        "backbone_ndcg@10",
        "held_back_ndcg@10",
        "users_scored",
        "n_parameters",
        "too_few",
    }
)
_USED = frozenset(
    {
        "calls",
        "cache_hits",
        "failures",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "reasoning_tokens",
        "dollars",
    }
)
_SAID: dict[str, tuple[frozenset[str], Callable[[Mapping[str, Any]], list[Part]]]] = {
    "pretrain": (_TRAINED, _training),
    "train-encoder": (_TRAINED, _training),
    "tune": (_TUNED, _tuning),
    "recommend": (frozenset({"users", "statuses", "mean_rounds"}), _recommending),
}
"""Verb -> what its result has to have, and what is then said of it."""


def _asked(result: Mapping[str, Any]) -> list[Part]:
    """What a language model was asked, by what items were retrieved, and why the surrogate went untuned."""
    usage: dict[str, Any] = result.get("usage") or {}
    asked = [f"Asked of the language model: {spoken_usage(usage)}"] if usage.keys() >= _USED else []
    untuned = outcome.untuned(result.get("untuned", ""))
    return _texts([*asked, *map(str, result.get("notes", ())), *outcome.retrieval(result), *untuned])


def _texts(lines: Iterable[str], *, warns: bool = False) -> list[Part]:
    return [Part(text=line, warns=warns) for line in lines]


def _plot(svg: str, caption: str) -> Part:
    return Part(plot=Markup(svg), caption=caption)
