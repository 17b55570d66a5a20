"""ToolRec (arXiv 2405.15114) as a command-line toolkit: a surrogate user explores a catalogue, attribute by attribute."""

import os
from importlib.metadata import version

# Waiting threads of OpenMP spin. On a busy machine they take the cores from whoever works, and training crawls. It is read when
# torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "100")

__version__ = version("toolrec-cli")
