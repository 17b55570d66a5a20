"""A paid answer is never paid twice: replies kept in a SQLite file, by the digest of what was asked of whom."""

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from toolrec_cli.errors import InputError, ToolRecError
from toolrec_cli.llm.codec import canonical, digest, reply_from, reply_json, request_text
from toolrec_cli.llm.messages import ChatModel, Reply, Request

VERSION = 1
WAIT = 60.0
"""Seconds that one process waits while another writes."""

_PAGES = 16_000
"""Of 4 kB, written before the log is folded into the file: folding waits for the disk, and everybody waits for it."""

_TABLE = """
create table if not exists replies (
    key text primary key, model text not null, endpoint text not null, asked_at text not null,
    request text not null, reply text not null
)
"""


class ReplyStore:
    """The file. Several threads and several processes may use it at once; a reply that `put` returned from is kept."""

    def __init__(self, path: Path) -> None:
        """Open `path`, made with its folder if it is not there. Raises InputError when it is no such file, or a newer one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock, self._understood = threading.Lock(), _Understood(path)
        with self._understood:
            self._file = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            self._file.execute("pragma journal_mode = wal")
            self._file.execute("pragma synchronous = normal")  # a commit survives the process, whatever ends it
            self._file.execute(f"pragma wal_autocheckpoint = {_PAGES}")
            version = self._file.execute("pragma user_version").fetchone()[0]
            if version > VERSION:
                self._file.close()
                raise InputError(f"{path} has cache version {version}; this toolrec reads up to {VERSION}.")
            self._file.execute(_TABLE)
            self._file.execute(f"pragma user_version = {VERSION}")

    def get(self, key: str) -> Reply | None:
        """The reply kept under `key`, marked as coming from here."""
        with self._lock, self._understood:
            row = self._file.execute("select reply from replies where key = ?", (key,)).fetchone()
        return None if row is None else reply_from(json.loads(row[0]), from_cache=True)

    def put(self, key: str, model: str, endpoint: str, request: str, reply: Reply) -> None:
        """Keep a reply; when this returns, it is committed. The first one kept under a key stays.

        `endpoint` and `request` are canonical JSON.
        """
        row = (
            key,
            model,
            endpoint,
            datetime.now(UTC).isoformat(timespec="seconds"),
            request,
            canonical(reply_json(reply)),
        )
        with self._lock, self._understood:
            self._file.execute("insert or ignore into replies values (?, ?, ?, ?, ?, ?)", row)

    def __len__(self) -> int:
        with self._lock, self._understood:
            return int(self._file.execute("select count(*) from replies").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


class _Understood:
    """Within, what SQLite raises is what it means for the user."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error):
            raise InputError(
                f"The response cache {self._path} cannot be used ({error}).",
                hint="Make room, or move the file away, or go on without it: --no-cache.",
            ) from error


class Cached:
    """`inner`, asked only what the store does not hold. Two threads with the same question at once ask it once.

    `endpoint` is what else than model and request makes an answer another one: `Endpoint.identity()`.
    """

    def __init__(self, inner: ChatModel, store: ReplyStore, endpoint: Mapping[str, Any]) -> None:
        self._inner, self._store, self._endpoint = inner, store, canonical(endpoint)
        self._lock = threading.Lock()
        self._asking: dict[str, _Asking] = {}

    @property
    def name(self) -> str:
        return self._inner.name

    def reply(self, request: Request) -> Reply:
        """The kept answer, else the inner model's, committed before it is returned. Raises what the inner model raises."""
        asked = request_text(request)
        key = digest(f'{{"endpoint":{self._endpoint},"model":{canonical(self.name)},"request":{asked}}}')
        while True:
            with self._lock:
                asking, first = self._asking.get(key), False
                if asking is None:
                    asking, first = self._asking.setdefault(key, _Asking()), True
            if first:
                return self._ask(key, request, asked, asking)
            if (shared := asking.answer()) is not None:
                return replace(shared, from_cache=True)

    def _ask(self, key: str, request: Request, asked: str, asking: "_Asking") -> Reply:
        try:
            if (kept := self._store.get(key)) is not None:
                asking.reply = kept
                return kept
            reply = self._inner.reply(request)
            self._store.put(key, self.name, self._endpoint, asked, reply)
            asking.reply = reply
            return reply
        except ToolRecError as error:
            asking.error = error
            raise
        finally:
            with self._lock:
                del self._asking[key]
            asking.done.set()


class _Asking:
    """A question under way, for those who wait for the same."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.reply: Reply | None = None
        self.error: ToolRecError | None = None

    def answer(self) -> Reply | None:
        """What came of it: the reply, or the error raised anew; None if the thread that asked was stopped on the way."""
        self.done.wait()
        if self.error is not None:
            raise type(self.error)(self.error.message, hint=self.error.hint)
        return self.reply
