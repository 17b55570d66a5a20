"""Figures in words, the same at the terminal and on a page."""

from toolrec_cli.evaluation.significance import Interval, Paired


def heading(metric: str) -> str:
    """ "ndcg@10" -> "NDCG@10". With one held-out item a user, Recall and Hit are the same figure: one column bears both names."""
    name, _, k = metric.partition("@")
    if name == "recall":
        return f"Recall, Hit@{k}"
    return f"{name.upper() if name in ('ndcg', 'mrr') else name.capitalize()}@{k}"


def spoken(found: Interval) -> str:
    """A mean and its interval."""
    return f"{found.mean:.4f} [{found.low:.3f}, {found.high:.3f}]"


def spoken_difference(found: Paired) -> str:
    """A difference and its interval."""
    return f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def spoken_p(p_value: float | None) -> str:
    """A p-value; no more digits than randomisation can give, whose flips end at one in 10,001. "" where there is none."""
    if p_value is None:
        return ""
    least = next((step for step in ("0.0001", "0.001") if p_value < float(step)), None)
    return f"{p_value:.3f}" if least is None else f"< {least}"
