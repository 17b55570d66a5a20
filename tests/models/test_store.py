"""Which model of a workspace is used: the newest finished one that fits; and what is said when none does."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from toolrec_cli.data.dataset import Dataset
from toolrec_cli.errors import InputError, ToolRecError, UsageError
from toolrec_cli.models import store
from toolrec_cli.models.checkpoint import CONFIG, WEIGHTS, model_digest, read_card
from toolrec_cli.models.store import (
    choose_backbone,
    choose_encoders,
    find_backbone,
    find_encoders,
    load_backbone,
    load_encoder,
)
from toolrec_cli.storage.run_dir import RunDir

ELSEWHERE = "0" * 64
"""The digest of another data set, or of another backbone."""


def dataset_of(workspace: Path) -> Dataset:
    return Dataset(workspace / "datasets" / "sample")


def edit(file: Path, **changed: Any) -> None:
    raw = json.loads(file.read_text())
    file.write_text(json.dumps(raw | changed))


def copied(run: RunDir, second: int, **changed: Any) -> Path:
    """The run once more, begun at that second of the year 2999; its manifest changed."""
    path = run.path.with_name(f"29990101T0000{second:02}-{run.name.partition('-')[2]}")
    shutil.copytree(run.path, path)
    edit(path / "run.json", **{"started": f"2999-01-01T00:00:{second:02}+00:00", **changed})
    return path


def backbone_of(workspace: Path, name: str | None = None) -> RunDir:
    return find_backbone(workspace / "runs", dataset_of(workspace), name)[0]


def digest_of(workspace: Path) -> str:
    return find_backbone(workspace / "runs", dataset_of(workspace), None)[1].digest


def test_the_trained_backbone_is_found_and_loaded_to_the_bit(tiny_workspace: Path, tiny: Dataset) -> None:
    run, card = find_backbone(tiny_workspace / "runs", tiny, None)
    model = load_backbone(run, tiny)
    assert (card.role, card.name, card.dataset_digest) == ("backbone", "sasrec", tiny.card.digest)
    assert card.digest == model_digest(run.path / "model", card) == run.manifest.result["digest"]
    assert store.settings_of(model) == card.settings
    assert not model.training


def test_a_run_can_be_named_by_its_name_or_its_path(tiny_workspace: Path) -> None:
    run = backbone_of(tiny_workspace)
    assert backbone_of(tiny_workspace, run.name).path == run.path
    assert backbone_of(tiny_workspace, str(run.path)).path == run.path


def test_a_misspelt_run_gets_the_near_miss(tiny_workspace: Path) -> None:
    name = backbone_of(tiny_workspace).name
    with pytest.raises(InputError, match=f"There is no run '{name[:-1]}'. Did you mean '{name}'"):
        backbone_of(tiny_workspace, name[:-1])


def test_the_newest_finished_backbone_that_fits_is_chosen(workspace: Path) -> None:
    run = backbone_of(workspace)
    newest = copied(run, 3)
    copied(run, 1)
    copied(run, 4, status="interrupted")
    copied(run, 5, status="running")
    copied(run, 6, dataset_digest=ELSEWHERE)
    copied(run, 7, verb="recommend")
    assert backbone_of(workspace).path == newest


def test_the_newest_is_so_by_its_time_whatever_it_is_called(workspace: Path) -> None:
    """`--out runs/best` gives a run a name without a time."""
    run = backbone_of(workspace)
    copied(run, 1, started="2001-01-01T00:00:00+00:00").rename(workspace / "runs" / "best")
    assert backbone_of(workspace).path == run.path


def test_an_interrupted_backbone_is_not_chosen_but_can_be_named(workspace: Path) -> None:
    run = backbone_of(workspace)
    edit(run.path / "run.json", status="interrupted")
    with pytest.raises(InputError, match="No backbone is trained on 'sample' \\(one was interrupted") as caught:
        backbone_of(workspace)
    assert "--backbone" in caught.value.message
    assert caught.value.hint == "Type: toolrec pretrain sample"
    found = backbone_of(workspace, run.name)
    assert load_backbone(found, dataset_of(workspace)).config.embedding_size == 16


def test_an_interrupted_backbone_without_a_model_is_refused_when_named(workspace: Path) -> None:
    run = backbone_of(workspace)
    shutil.rmtree(run.path / "model")
    with pytest.raises(InputError, match="There is no model in"):
        backbone_of(workspace, run.name)


def test_no_backbone_at_all_names_the_next_command(tmp_path: Path, tiny: Dataset) -> None:
    with pytest.raises(InputError, match=r"No backbone is trained on 'sample'\.$") as caught:
        find_backbone(tmp_path / "runs", tiny, None)
    assert caught.value.hint == "Type: toolrec pretrain sample"


def test_a_backbone_of_another_data_set_is_refused(workspace: Path) -> None:
    run = backbone_of(workspace)
    edit(workspace / "datasets" / "sample" / "dataset.json", digest=ELSEWHERE)
    with pytest.raises(InputError, match="there is one for an earlier version of the data set") as caught:
        backbone_of(workspace)
    assert caught.value.hint == "Type: toolrec pretrain sample"
    with pytest.raises(InputError, match=f"was trained on 'sample' .*, not on this 'sample' \\({ELSEWHERE[:12]}\\)"):
        backbone_of(workspace, run.name)
    with pytest.raises(InputError, match="was trained on 'sample'"):
        load_backbone(run, dataset_of(workspace))


def test_nobody_is_told_to_name_a_run_that_would_be_refused(workspace: Path) -> None:
    """Interrupted, and made of other data besides."""
    run = backbone_of(workspace)
    edit(run.path / "run.json", status="interrupted", dataset_digest=ELSEWHERE)
    with pytest.raises(InputError) as caught:
        backbone_of(workspace)
    assert "name it with --backbone" not in caught.value.message


def test_an_encoder_is_no_backbone(workspace: Path) -> None:
    found = find_encoders(workspace / "runs", dataset_of(workspace), digest_of(workspace))
    with pytest.raises(ToolRecError):
        load_backbone(backbone_of(workspace, found["genre"].name), dataset_of(workspace))


def test_the_encoders_of_a_backbone_in_the_order_of_the_catalogue(tiny_workspace: Path, tiny: Dataset) -> None:
    found = find_encoders(tiny_workspace / "runs", tiny, digest_of(tiny_workspace))
    assert list(found) == ["genre", "release_year"]
    assert all(run.manifest.verb == "train-encoder" for run in found.values())
    assert find_encoders(tiny_workspace / "runs", tiny, ELSEWHERE) == {}


def test_the_newest_finished_encoder_of_each_attribute(workspace: Path) -> None:
    found = find_encoders(workspace / "runs", dataset_of(workspace), digest_of(workspace))
    newest = copied(found["genre"], 1)
    copied(found["genre"], 2, status="interrupted")
    copied(found["genre"], 3, inputs={"backbone": ELSEWHERE})
    again = find_encoders(workspace / "runs", dataset_of(workspace), digest_of(workspace))
    assert {name: run.path for name, run in again.items()} == {
        "genre": newest,
        "release_year": found["release_year"].path,
    }


def test_encoders_are_chosen_by_name_in_the_order_asked(tiny_workspace: Path, tiny: Dataset) -> None:
    runs, digest = tiny_workspace / "runs", digest_of(tiny_workspace)
    assert list(choose_encoders(runs, tiny, digest, None)) == ["genre", "release_year"]
    assert list(choose_encoders(runs, tiny, digest, ["release_year", "genre"])) == ["release_year", "genre"]
    assert choose_encoders(runs, tiny, digest, []) == {}


def test_an_attribute_without_an_encoder_names_the_next_command(tiny_workspace: Path, tiny: Dataset) -> None:
    with pytest.raises(InputError, match="'director' has no encoder on this backbone") as caught:
        choose_encoders(tiny_workspace / "runs", tiny, digest_of(tiny_workspace), ["director"])
    assert caught.value.hint == "Type: toolrec train-encoder sample --attr director"


def test_without_any_encoder_there_is_the_backbone_alone(tiny_workspace: Path, tiny: Dataset) -> None:
    assert choose_encoders(tiny_workspace / "runs", tiny, ELSEWHERE, None) == {}
    with pytest.raises(InputError, match="No attribute full encoder is trained on this backbone of 'sample'") as caught:
        choose_encoders(tiny_workspace / "runs", tiny, ELSEWHERE, None, full=True)
    assert caught.value.hint == "Type: toolrec train-encoder sample --attr genre --full"


def test_unnamed_the_newest_backbone_with_an_encoder_is_chosen(workspace: Path) -> None:
    runs, dataset, run = workspace / "runs", dataset_of(workspace), backbone_of(workspace)
    alone = choose_backbone(runs, dataset, None)
    assert (alone.run.path, alone.named, alone.passed_over) == (run.path, None, None)
    bare = copied(run, 1, result=run.manifest.result | {"digest": ELSEWHERE})
    copied(run, 2, status="interrupted")
    passed = choose_backbone(runs, dataset, None)
    assert (passed.run.path, passed.card.digest, passed.named) == (run.path, digest_of(workspace), run.name)
    assert passed.passed_over is not None
    assert passed.passed_over.path == bare
    named = choose_backbone(runs, dataset, bare.name)
    assert (named.run.path, named.named, named.passed_over) == (bare, bare.name, None)
    full = choose_backbone(runs, dataset, None, full=True)  # nobody has one
    assert (full.run.path, full.named, full.passed_over) == (bare, None, None)


def test_a_named_backbone_without_encoders_is_taken_as_it_is(tiny_workspace: Path, tiny: Dataset) -> None:
    assert choose_encoders(tiny_workspace / "runs", tiny, ELSEWHERE, None, "a-run") == {}
    with pytest.raises(InputError, match="No attribute full encoder is trained"):
        choose_encoders(tiny_workspace / "runs", tiny, ELSEWHERE, None, "a-run", full=True)
    with pytest.raises(InputError, match="'genre' has no encoder on this backbone"):
        choose_encoders(tiny_workspace / "runs", tiny, ELSEWHERE, ["genre"], "a-run")


def test_a_misspelt_attribute_gets_the_near_miss(tiny_workspace: Path, tiny: Dataset) -> None:
    with pytest.raises(UsageError, match=r"'gener'\. Did you mean 'genre'"):
        choose_encoders(tiny_workspace / "runs", tiny, digest_of(tiny_workspace), ["gener"])


def test_an_encoder_of_another_backbone_is_refused_with_the_next_command(tiny_workspace: Path, tiny: Dataset) -> None:
    digest = digest_of(tiny_workspace)
    run = find_encoders(tiny_workspace / "runs", tiny, digest)["genre"]
    with pytest.raises(InputError, match=f"was trained on the backbone {digest[:12]}, not on 000000000000") as caught:
        load_encoder(run, tiny, ELSEWHERE)
    assert caught.value.hint == "Type: toolrec train-encoder sample --attr genre"


def test_an_encoder_of_another_data_set_is_refused(workspace: Path) -> None:
    digest = digest_of(workspace)
    run = find_encoders(workspace / "runs", dataset_of(workspace), digest)["genre"]
    edit(run.path / "model" / CONFIG, dataset_digest=ELSEWHERE)
    with pytest.raises(InputError, match="was trained on 'sample'"):
        load_encoder(run, dataset_of(workspace), digest)


def test_altered_weights_are_refused_before_anything_is_built(workspace: Path) -> None:
    run, digest = backbone_of(workspace), digest_of(workspace)
    encoder_run = find_encoders(workspace / "runs", dataset_of(workspace), digest)["genre"]
    for each in (run, encoder_run):
        weights = each.path / "model" / WEIGHTS
        weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InputError, match="is missing or altered"):
        load_backbone(run, dataset_of(workspace))
    with pytest.raises(InputError, match="is missing or altered"):
        load_encoder(encoder_run, dataset_of(workspace), digest)


@pytest.mark.parametrize("changed", [{"embedding_size": 8}, {"n_layers": 2}, {"max_length": 21}, {"n_items": 61}])
def test_settings_that_the_weights_do_not_fit_are_refused(workspace: Path, changed: dict[str, int]) -> None:
    run = backbone_of(workspace)
    config = run.path / "model" / CONFIG
    edit(config, settings=json.loads(config.read_text())["settings"] | changed)
    edit(config, digest=model_digest(run.path / "model", read_card(run.path / "model")))
    with pytest.raises(InputError, match="The stored weights do not fit the model"):
        load_backbone(run, dataset_of(workspace))


def test_the_same_weights_with_other_heads_are_another_model(workspace: Path) -> None:
    run = backbone_of(workspace)
    config = run.path / "model" / CONFIG
    edit(config, settings=json.loads(config.read_text())["settings"] | {"n_heads": 1})
    with pytest.raises(InputError, match="is missing or altered"):
        load_backbone(run, dataset_of(workspace))


@pytest.mark.parametrize("changed", [{"n_items": "many"}, {"n_items": None}])
def test_settings_that_make_no_sense_are_refused(workspace: Path, changed: dict[str, Any]) -> None:
    run = backbone_of(workspace)
    config = run.path / "model" / CONFIG
    edit(config, settings=json.loads(config.read_text())["settings"] | changed)
    with pytest.raises(InputError):
        load_backbone(run, dataset_of(workspace))


def test_a_loaded_encoder_gives_what_it_gave(tiny_workspace: Path, tiny: Dataset) -> None:
    digest = digest_of(tiny_workspace)
    run = find_encoders(tiny_workspace / "runs", tiny, digest)["release_year"]
    one, other = (load_encoder(run, tiny, digest) for _ in range(2))
    items, lengths, states = torch.tensor([[1, 2, 3]]), torch.tensor([3]), torch.ones(1, 3, 16)
    with torch.no_grad():
        assert torch.equal(one(items, lengths, states), other(items, lengths, states))
    assert not one.training
