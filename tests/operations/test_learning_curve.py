"""The picture of a training: well-formed whatever the epochs and the title are."""

import xml.etree.ElementTree as ET

import pytest

from toolrec_cli.models.epochs import Epoch
from toolrec_cli.operations.learning_curve import HEIGHT, WIDTH, svg

NS = "{http://www.w3.org/2000/svg}"


def epochs(*ndcgs: float, first: int = 1) -> list[Epoch]:
    made: list[Epoch] = []
    for number, ndcg in enumerate(ndcgs, start=first):
        best = ndcg > max((e.ndcg for e in made), default=-1)
        made.append(Epoch(number, None if number == 0 else 7.0 - ndcg, ndcg, best, 10, 1.0))
    return made


@pytest.mark.parametrize(
    "shown", [epochs(0.1), epochs(0.1, 0.1), epochs(0.1, 0.3, 0.2), epochs(0.3, 0.2, first=0), epochs(0.3, first=0)]
)
def test_every_point_is_in_the_picture(shown: list[Epoch]) -> None:
    found = ET.fromstring(svg(shown, "a & b <script> \x1b[31m"))
    dots = found.findall(f"{NS}circle")
    assert len(dots) == len(shown) + sum(e.loss is not None for e in shown) + 1
    assert all(0 <= float(dot.attrib["cx"]) <= WIDTH and 0 <= float(dot.attrib["cy"]) <= HEIGHT for dot in dots)
    said = [text.text or "" for text in found.findall(f"{NS}text")]
    assert said[0] == "a & b <script> [31m"
    best = max(e.ndcg for e in shown)
    assert any(f"best {best:.4f}" in each for each in said)


def test_the_best_epoch_is_marked_where_it_is() -> None:
    found = ET.fromstring(svg(epochs(0.1, 0.3, 0.2), "x"))
    dots = [(dot.attrib["cx"], dot.attrib["cy"]) for dot in found.findall(f"{NS}circle")]
    assert dots[-1] == dots[1]
