"""A model server's script that plays well, and fails at some users' conversations."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from toolrec_cli.testing import Fault, Scripted
from toolrec_cli.testing.surrogate import PlayedSurrogate


def every_third(place: int) -> bool:
    """The second, the fifth, and so on."""
    return place % 3 == 1


def the_third(place: int) -> bool:
    """One alone."""
    return place == 2


@dataclass
class Failing:
    """Plays well, but while `fault` is set it meets whoever is meant with it, once his conversation has `length` messages.

    `whom`: by the place (from 0) in which the server has heard of him. Counted: questions answered, and failed at, as JSON.
    """

    fault: Fault | None = Fault.SERVER_ERROR
    length: int = 6
    whom: Callable[[int], bool] = every_third
    play: PlayedSurrogate = field(default_factory=PlayedSurrogate)
    users: list[str] = field(default_factory=list[str])
    answered: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])

    def __call__(self, asked: dict[str, Any]) -> Scripted:
        who, question = asked["messages"][1]["content"], json.dumps(asked, sort_keys=True)
        if who not in self.users and who.count("\n") < 20:  # longer ones are orders that are asked for
            self.users.append(who)
        meant = who in self.users and self.whom(self.users.index(who))
        if self.fault and meant and len(asked["messages"]) >= self.length:
            self.failed[question] += 1
            return Scripted("x", fault=self.fault)
        self.answered[question] += 1
        return self.play(asked)
