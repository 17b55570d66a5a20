"""The key of a server: found in the environment, in `.env` or in a file that only its owner can read, and shown nowhere."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from toolrec_cli.errors import InputError

SHOWN = "[key]"
"""What stands wherever the key would."""

_SHORTEST = 8
"""A "key" of fewer characters ("none", "EMPTY") is a placeholder: hiding it everywhere would mangle ordinary text."""


class Key:
    """A secret. Printed, logged, pickled or put into a traceback it is `[key]`; only `reveal` gives it away."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str) -> None:
        self._secret = secret
        self.source = source
        """Where it was found: "OPENAI_API_KEY", ".env"."""

    def reveal(self) -> str:
        """The secret itself, for the request's header."""
        return self._secret

    def hide_in(self, text: str) -> str:
        """`text` without the secret."""
        return text.replace(self._secret, SHOWN) if len(self._secret) >= _SHORTEST else text

    def hide_in_bytes(self, body: bytes) -> bytes:
        """`body` without the secret."""
        secret = self._secret.encode()
        return body.replace(secret, SHOWN.encode()) if len(secret) >= _SHORTEST and secret in body else body

    def hide_in_json(self, value: Any) -> Any:
        """`value`, parsed JSON, without the secret, also where it was written with escapes."""
        if isinstance(value, str):
            return self.hide_in(value)
        if isinstance(value, dict):
            found = cast("dict[str, Any]", value)
            return {self.hide_in(name): self.hide_in_json(inner) for name, inner in found.items()}
        if isinstance(value, list):
            return [self.hide_in_json(inner) for inner in cast("list[Any]", value)]
        return value

    def __repr__(self) -> str:
        return f"Key({SHOWN} from {self.source})"

    def __str__(self) -> str:
        return SHOWN

    def __reduce__(self) -> str:
        raise TypeError("A key is not pickled.")


def find_key(
    names: Iterable[str], environment: Mapping[str, str], workspace: Path | None = None, key_file: Path | None = None
) -> Key | None:
    """The key: from `key_file` if one is named, else the first of `names` in the environment, else in the workspace's `.env`.

    Raises InputError for a `key_file` that is missing, empty or readable by others, and for such an `.env` that is needed.
    """
    if key_file is not None:
        return Key(_one_line(key_file), key_file.name)
    names = list(names)
    for name in names:
        if found := environment.get(name, "").strip():
            return Key(_printable(found, name), name)
    dotenv = None if workspace is None else workspace / ".env"
    if dotenv is None or not dotenv.is_file():
        return None
    written = _pairs(dotenv.read_text(encoding="utf-8", errors="replace"))
    for name in names:
        if found := written.get(name):
            _private(dotenv)
            return Key(_printable(found, name), ".env")
    return None


def _one_line(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"The key file {path} does not exist.", hint="Write the key into it, and: chmod 600 FILE")
    _private(path)
    lines = path.read_text(encoding="utf-8", errors="replace").split()
    if len(lines) != 1:
        raise InputError(
            f"The key file {path} does not hold one key.", hint="It holds the key on one line, nothing else."
        )
    return _printable(lines[0], str(path))


def _private(path: Path) -> None:
    """Raises InputError when others than the owner can read `path`."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"{path} holds a key and can be read by others.", hint=f"Type: chmod 600 {path}")


def _printable(secret: str, where: str) -> str:
    """Raises InputError for what cannot stand in a header; the message does not show it."""
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise InputError(f"The key in {where} has characters that no key has.", hint="Copy it again, without quotes.")
    return secret


def _pairs(text: str) -> dict[str, str]:
    """The NAME=VALUE lines of a `.env` file, quotes and a leading "export" taken off."""
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            pairs[name.strip()] = value[1:-1] if quoted else value.partition(" #")[0].strip()
    return pairs
