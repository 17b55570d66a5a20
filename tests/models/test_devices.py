"""--device: what is not there is refused with what there is."""

import pytest
import torch

from toolrec_cli.errors import UsageError
from toolrec_cli.models import devices
from toolrec_cli.models.devices import available, find_device


def test_the_processor_is_always_there() -> None:
    assert available()[0] == "cpu"
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(("there", "chosen"), [(["cpu"], "cpu"), (["cpu", "mps"], "cpu"), (["cpu", "cuda"], "cuda")])
def test_auto_takes_cuda_where_it_is_there(monkeypatch: pytest.MonkeyPatch, there: list[str], chosen: str) -> None:
    monkeypatch.setattr(devices, "available", lambda: there)
    assert find_device("auto").type == chosen


def test_an_absent_device_is_refused_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available", lambda: ["cpu"])
    with pytest.raises(UsageError, match="There is no mps on this machine") as caught:
        find_device("mps")
    assert caught.value.hint == "There is: cpu."


def test_an_unknown_device_gets_the_near_miss() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cuda'"):
        find_device("cida")
