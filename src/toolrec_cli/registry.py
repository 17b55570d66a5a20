"""A room whose files are its entries: put a module into the package and it is known by its file name."""

import importlib
import pkgutil
from typing import Generic, TypeVar

from toolrec_cli.errors import UsageError, unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """The entries of `package`: module `ml_1m.py` holding the object `attribute` is the entry "ml-1m".

    Modules are imported when an entry is asked for, so that listing names costs nothing.
    A module whose name starts with an underscore is shared code, not an entry.
    """

    def __init__(self, package: str, attribute: str, kind: str) -> None:
        self._package = package
        self._attribute = attribute
        self._kind = kind

    def names(self) -> list[str]:
        """Every entry's name, sorted."""
        path = importlib.import_module(self._package).__path__
        modules = (module.name for module in pkgutil.iter_modules(path))
        return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))

    def get(self, name: str) -> T:
        """The entry called `name`. Raises UsageError with the near miss when there is none."""
        if name not in self.names():
            raise UsageError(unknown(self._kind, name, self.names()))
        module = importlib.import_module(f"{self._package}.{name.replace('-', '_')}")
        return getattr(module, self._attribute)
