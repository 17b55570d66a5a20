"""Raw files as their makers pack them: a zip, or the folder it was unpacked into."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from toolrec_cli.errors import InputError
from toolrec_cli.storage.digests import file_digest

UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises on a zip that is cut off, altered, packed in an unknown way, or encrypted."""


@dataclass(frozen=True)
class Archive:
    """A zip or a folder. Files are found by their bare name, in whatever subfolder they lie."""

    path: Path
    hint: str
    """What to do when a file is missing: where to get it, and the command to type."""

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises InputError when it is missing, empty, or the zip is cut off or broken."""
        data = self._in_folder(name).read_bytes() if self.path.is_dir() else self._from_zip(name)
        if not data.strip():
            raise InputError(f"{name} in {self.path} is empty.", hint=self.hint)
        return data

    def digests(self, names: list[str]) -> dict[str, str]:
        """File name -> SHA-256: of the zip, or of each file of the folder."""
        if self.path.is_file():
            return {self.path.name: file_digest(self.path)}
        return {name: file_digest(self._in_folder(name)) for name in names}

    def _in_folder(self, name: str) -> Path:
        found = [path for path in self.path.rglob(name) if path.is_file() and not _is_litter(path.as_posix())]
        if not found:
            raise self._missing(name)
        return min(found, key=_depth)

    def _from_zip(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as packed:
                members = [PurePosixPath(member) for member in packed.namelist() if not _is_litter(member)]
                found = [member for member in members if member.name == name]
                if not found:
                    raise self._missing(name)
                return packed.read(str(min(found, key=_depth)))
        except UNREADABLE as error:
            raise InputError(f"{self.path} is cut off or not a zip file ({error}).", hint=self.hint) from error

    def _missing(self, name: str) -> InputError:
        return InputError(f"There is no {name} in {self.path}.", hint=self.hint)


def _depth(path: PurePath) -> tuple[int, str]:
    """The outermost file of a name is meant, should a copy lie deeper."""
    return len(path.parts), str(path)


def _is_litter(path: str) -> bool:
    """macOS puts a shadow of every file it packs under this name."""
    return "__MACOSX" in path


def open_archive(raw: Path | None, name: str, home: str) -> Archive:
    """The archive at `raw`. Raises InputError, with the official address, when it is not given or not there."""
    hint = f"Download it from {home} and type: toolrec prep {name} --raw PATH (the zip as it comes, or its folder)"
    if raw is None:
        raise InputError(f"{name} has to be downloaded by you; its makers do not allow passing it on.", hint=hint)
    if not raw.exists():
        raise InputError(f"{raw} does not exist.", hint=hint)
    return Archive(raw, hint)
