"""What followed the newest item most often: a first-order Markov chain (Rendle et al., WWW 2010, its unfactorised part)."""

from toolrec_cli.evaluation.baseline import Evidence, FloatArray, ItemArray


def scores(evidence: Evidence, history: ItemArray) -> FloatArray:
    """P(next | newest item), smoothed towards popularity by what mass the counts leave. [N + 1]."""
    if not len(history):
        return evidence.popularity.copy()
    newest = int(history[-1])
    row = evidence.forward
    mass = float(row.values[row.starts[newest] : row.starts[newest + 1]].sum())
    found = (1.0 - mass) * evidence.popularity
    row.add_row(newest, 1.0, found)
    return found


BASELINE = scores
