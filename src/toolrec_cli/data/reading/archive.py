"""Raw files as their makers pack them: a zip, a tar, a tar within a zip, or the folder it was unpacked into."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, cast

from toolrec_cli.errors import InputError
from toolrec_cli.storage.digests import file_digest

UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile),
    *(zlib.error, EOFError, NotImplementedError, RuntimeError),
)
"""What is raised on an archive that is cut off, altered, packed in an unknown way, or encrypted."""

_TARS = (".tar", ".tgz", ".tar.gz")


class MissingError(InputError):
    """The archive has no file of that name."""


@dataclass(frozen=True)
class Archive:
    """A zip, a tar or a folder. Files are found by their bare name, in whatever subfolder they lie."""

    path: Path
    hint: str
    """What to do when a file is missing: where to get it, and the command to type."""

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises InputError when it is missing, empty, or the archive is cut off or broken."""
        with self.open(name) as stream:
            data = stream.read()
        if not data.strip():
            raise self.empty(name)
        return data

    @contextmanager
    def open(self, name: str) -> Generator[BinaryIO]:
        """A file as a stream of bytes. Raises InputError, also while it is read, as `read` does; emptiness is not looked for."""
        try:
            with self._opened(name) as stream:
                yield stream
        except UNREADABLE as error:
            kind = "tar" if self._is_tar() else "zip"
            raise InputError(f"{self.path} is cut off or not a {kind} file ({error}).", hint=self.hint) from error

    def find(self, pattern: str) -> list[str]:
        """The bare names of the files that fit `pattern` ("*.inter"), sorted. Of a tar, none."""
        if self.path.is_dir():
            names = [path.as_posix() for path in self.path.rglob(pattern) if path.is_file()]
        elif self._is_tar():
            names = []
        else:
            names = self._members()
        bare = {PurePosixPath(name).name for name in names if not _is_litter(name)}
        return sorted(name for name in bare if fnmatch(name, pattern))

    def empty(self, name: str) -> InputError:
        """The error that says that a file has nothing in it."""
        return InputError(f"{name} in {self.path} is empty.", hint=self.hint)

    def digests(self, names: list[str]) -> dict[str, str]:
        """File name -> SHA-256: of the archive, or of each file of the folder."""
        if self.path.is_file():
            return {self.path.name: file_digest(self.path)}
        return {name: file_digest(self._in_folder(name)) for name in names}

    def _is_tar(self) -> bool:
        return self.path.name.lower().endswith(_TARS)

    def _opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        if self.path.is_dir():
            return self._in_folder(name).open("rb")
        return self._in_tar(name, None) if self._is_tar() else self._in_zip(name)

    def _in_folder(self, name: str) -> Path:
        found = [path for path in self.path.rglob(name) if path.is_file() and not _is_litter(path.as_posix())]
        if not found:
            raise self._missing(name)
        return min(found, key=_depth)

    def _members(self) -> list[str]:
        try:
            with zipfile.ZipFile(self.path) as packed:
                return packed.namelist()
        except UNREADABLE as error:
            raise InputError(f"{self.path} is cut off or not a zip file ({error}).", hint=self.hint) from error

    @contextmanager
    def _in_zip(self, name: str) -> Generator[BinaryIO]:
        """A file of the zip, or of a tar that is packed in it."""
        with zipfile.ZipFile(self.path) as packed:
            members = [PurePosixPath(member) for member in packed.namelist() if not _is_litter(member)]
            found = [member for member in members if member.name == name]
            tars = [member for member in members if member.name.lower().endswith(_TARS)]
            if not found and not tars:
                raise self._missing(name)
            with packed.open(str(min(found or tars, key=_depth))) as stream:
                if found:
                    yield cast("BinaryIO", stream)
                    return
                with self._in_tar(name, cast("BinaryIO", stream)) as inner:
                    yield inner

    @contextmanager
    def _in_tar(self, name: str, stream: BinaryIO | None) -> Generator[BinaryIO]:
        """A file of a tar, compressed or not, which is read from its beginning until the file comes."""
        with tarfile.open(None if stream else self.path, mode="r|*", fileobj=stream) as packed:
            for member in packed:
                if member.isfile() and not _is_litter(member.name) and PurePosixPath(member.name).name == name:
                    found = packed.extractfile(member)
                    assert found is not None  # it is a file
                    yield cast("BinaryIO", found)
                    return
        raise self._missing(name)

    def _missing(self, name: str) -> InputError:
        return MissingError(f"There is no {name} in {self.path}.", hint=self.hint)


def _depth(path: PurePath) -> tuple[int, str]:
    """The outermost file of a name is meant, should a copy lie deeper."""
    return len(path.parts), str(path)


def _is_litter(path: str) -> bool:
    """macOS puts a shadow of every file it packs under this name."""
    return "__MACOSX" in path


def open_archive(raw: Path | None, name: str, home: str) -> Archive:
    """The archive at `raw`. Raises InputError, with the official address, when it is not given or not there."""
    hint = f"Download it from {home} and type: toolrec prep {name} --raw PATH (the archive as it comes, or its folder)"
    if raw is None:
        raise InputError(f"{name} has to be downloaded by you; its makers do not allow passing it on.", hint=hint)
    if not raw.exists():
        raise InputError(f"{raw} does not exist.", hint=hint)
    return Archive(raw, hint)
