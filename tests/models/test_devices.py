"""--device: what is not there is refused with what there is."""

import pytest
import torch

from toolrec_cli.errors import UsageError
from toolrec_cli.models import devices
from toolrec_cli.models.devices import available, find_device
from toolrec_cli.models.encoding import block_size
from toolrec_cli.models.precision import targets_at_once


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


def test_an_accelerator_takes_more_at_once_and_no_more_than_fits() -> None:
    """Histories by the pairs of their places, targets by the items."""
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [block_size(cpu, length) for length in (20, 200, 2000)] == [16, 16, 16]
    assert [block_size(cuda, length) for length in (20, 200, 400, 2000)] == [512, 419, 104, 16]
    elsewhere = torch.empty(0, device="meta")
    assert [targets_at_once(torch.empty(0), n) for n in (100, 10**6)] == [128, 128]
    assert [targets_at_once(elsewhere, n) for n in (2**10, 2**14, 10**6)] == [2**14, 2**10, 128]
