"""ToolRec (arXiv 2405.15114) as a command-line toolkit: a surrogate user explores a catalogue, attribute by attribute."""

from importlib.metadata import version

__version__ = version("toolrec-cli")
