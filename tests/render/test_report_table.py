"""An evaluation as a table and as JSON: every figure whole, failures on stderr, strangers' text as text."""

import json
from dataclasses import replace

import pytest

from toolrec_cli.evaluation.report import Failure, Report, Row
from toolrec_cli.evaluation.significance import Interval, Paired
from toolrec_cli.render.report import FAILURES_SHOWN, print_report, report_document


def _row(name: str, start: float, versus: Paired | None, ks: tuple[int, ...] = (10,)) -> Row:
    metrics = {
        f"{metric}@{k}": Interval(start + place / 100 + k / 1000, start + place / 100, start + place / 100 + 0.05)
        for k in ks
        for metric, place in (("recall", 3), ("ndcg", 1), ("mrr", 2), ("hit", 3))
    }
    return Row(name, metrics, None if versus is None else dict.fromkeys(metrics, versus))


def _report(ks: tuple[int, ...] = (10,)) -> Report:
    return Report(
        dataset="ml-1m",
        split="test",
        n_users=6040,
        n=10,
        baseline="sasrec",
        surrogate="builtin",
        rows=(
            _row("sasrec", 0.1, None, ks),
            _row("retrieve:release_year", 0.2, Paired(0.0123, -0.001, 0.02, 0.0321), ks),
            _row("surrogate", 0.3, Paired(-0.0456, -0.05, -0.04, 0.0001), ks),
        ),
        candidate_recall=Interval(0.5678, 0.5, 0.6),
        mean_rounds=4.256,
        statuses={"finished": 6000, "forced": 40},
        failures=(Failure("7", "forced", "I go on."),),
    )


def _printed(report: Report, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[str, str]:
    print_report(report, as_json=as_json)
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_table_says_who_was_asked_and_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = _printed(_report(), capsys)
    said = " ".join(out.split())
    assert "ml-1m, test split, n = 6,040 users, full ranking, history masked; mean [95 % interval]" in said
    assert "Candidate recall 0.5678 [0.500, 0.600]" in said
    assert "Rounds on average 4.26. Ended: 6,000 finished, 40 forced." in said
    assert err == "user 7: forced. I go on.\n"


@pytest.mark.parametrize("ks", [(10,), (5, 10), (1, 5, 10, 20)], ids=str)
def test_every_row_and_figure_is_whole_at_the_width_of_a_pipe(
    ks: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure cut off by an ellipsis is no figure."""
    report = _report(ks)
    out, _ = _printed(report, capsys)
    assert "…" not in out
    for row in report.rows:
        assert row.name in out
        for metric, found in row.metrics.items():
            name, k = metric.split("@")
            assert name in out.lower()
            assert f"@{k} " in out
            assert f"{found.mean:.4f} [{found.low:.3f}, {found.high:.3f}]" in out
    assert "+0.0123 [-0.0010, +0.0200]" in out
    assert "0.032" in out
    assert "< 0.001" in out


def test_the_document_has_the_declared_keys(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = _printed(_report(), capsys, as_json=True)
    document = json.loads(out)
    assert document == json.loads(json.dumps(report_document(_report())))
    assert (document["schema_version"], document["dataset"], document["n_users"]) == (1, "ml-1m", 6040)
    assert [row["name"] for row in document["rows"]] == ["sasrec", "retrieve:release_year", "surrogate"]
    assert document["rows"][1]["metrics"]["ndcg@10"] == pytest.approx({"mean": 0.22, "low": 0.21, "high": 0.26, "n": 0})
    assert document["rows"][0]["versus"] is None
    assert document["rows"][2]["versus"]["ndcg@10"]["p_value"] == 0.0001
    assert document["failures"] == [{"user_id": "7", "status": "forced", "reason": "I go on."}]
    assert err == ""


def test_a_failures_last_words_are_shown_without_their_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """A thought may quote a title, and a title is strangers' text."""
    failures = (Failure("[u]\x1b[1m", "forced", "I want [/INST] \x1b[31mred\u202e"),)
    _, err = _printed(replace(_report(), failures=failures), capsys)
    assert "[u]" in err
    assert "[/INST]" in err
    assert not {"\x1b", "\u202e"} & set(err)


def test_a_name_of_a_data_set_is_shown_without_its_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = _printed(replace(_report(), dataset="[d]\x1b[31m"), capsys)
    assert "[d]" in out
    assert "\x1b" not in out


def test_many_failures_are_counted_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    failures = tuple(Failure(str(number), "failed", "") for number in range(FAILURES_SHOWN + 5))
    _, err = _printed(replace(_report(), failures=failures), capsys)
    assert err.splitlines()[-1] == "… and 5 more in report.json"
    assert len(err.splitlines()) == FAILURES_SHOWN + 1
