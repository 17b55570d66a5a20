"""For tests, examples and benchmarks: a language-model server on loopback that says what a script tells it to, faults included.

    from toolrec_cli.testing import LoopbackServer, Scripted

    with LoopbackServer(lambda asked: Scripted("Hello.")) as server:
        ...  # --base-url is server.base_url, --model any name
        assert server.count == 1

Nothing of the program itself imports this room.
"""

from toolrec_cli.testing.faults import seeded
from toolrec_cli.testing.replies import (
    Call,
    Fault,
    Script,
    Scripted,
    cut_off,
    half_a_call,
    in_turn,
)
from toolrec_cli.testing.server import LoopbackServer, Received

__all__ = [
    "Call",
    "Fault",
    "LoopbackServer",
    "Received",
    "Script",
    "Scripted",
    "cut_off",
    "half_a_call",
    "in_turn",
    "seeded",
]
