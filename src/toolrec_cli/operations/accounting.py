"""What a run asked a language model, and what that cost: on record while it goes on, summed up however it ends."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolrec_cli.llm.metered import Ledger
from toolrec_cli.llm.recorded import Exchange
from toolrec_cli.llm.unanswered import Charge, Failure
from toolrec_cli.storage.log import AppendLog, trim
from toolrec_cli.storage.run_dir import RunDir
from toolrec_cli.storage.tables import USAGE, write_table

if TYPE_CHECKING:
    from toolrec_cli.operations.modelling import Speaker

EXCHANGES = "exchanges.jsonl"
UNANSWERED = "unanswered.jsonl"
FAILURES = "failures.log"
"""No .jsonl: a run that has nothing but these is not worth keeping."""
USAGE_FILE = "usage.parquet"


class ExchangeLog:
    """exchanges.jsonl, unanswered.jsonl or failures.log, written by several threads; there as soon as it has a line.

    What comes before it is open, or after it is closed, is not recorded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log: AppendLog | None = None

    def open(self, path: Path) -> None:
        """Go on at the end of `path`; a torn last line is cut off."""
        trim(path)
        with self._lock:
            self._log = AppendLog(path)

    def add(self, told: Exchange | Charge | Failure) -> None:
        """Put it on record."""
        line = told.as_line().encode() + b"\n"
        with self._lock:
            if self._log is not None:
                self._log.append(line)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            log, self._log = self._log, None
        if log is not None:
            log.close()


@contextmanager
def accounted(run: RunDir, speaker: "Speaker | None") -> Generator[None]:
    """Within, exchanges go to the run's record; however it ends, the manifest and usage.parquet say what was used.

    Without a model nothing happens.
    """
    if speaker is None:
        yield
        return
    speaker.log.open(run.path / EXCHANGES)
    speaker.unanswered.open(run.path / UNANSWERED)
    speaker.failures.open(run.path / FAILURES)
    try:
        yield
    except BaseException as stopped:
        if speaker.stack.ledger.total.calls:
            stopped.add_note(f"Asked so far: {speaker.progress}.")
        raise
    finally:
        speaker.log.close()
        speaker.unanswered.close()
        speaker.failures.close()
        _write_usage(run.path / USAGE_FILE, speaker.stack.ledger)
        run.update(result={**run.manifest.result, "usage": used(speaker), "notes": list(speaker.stack.notes)})
        speaker.stack.close()


def used(speaker: "Speaker") -> dict[str, Any]:
    """The sums of a run, those of earlier sittings included, and where the prices are from."""
    return {**speaker.stack.ledger.total.as_json(), "price_source": speaker.stack.prices.source}


def _write_usage(path: Path, ledger: Ledger) -> None:
    rows = [(label, spent) for label, spent in ledger.by_label().items() if label is not None]
    tokens = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    columns: dict[str, list[Any]] = {"user_id": [label for label, _ in rows]}
    columns |= {
        name: [getattr(spent, name) for _, spent in rows]
        for name in ("calls", "cache_hits", "failures", "dollars", "seconds")
    }
    columns |= {name: [getattr(spent.usage, name) for _, spent in rows] for name in tokens}
    write_table(path, USAGE, columns)
