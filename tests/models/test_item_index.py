"""An index over an item table: it finds what exact search finds, says how much of it, and is never another table's."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models import item_index
from toolrec_cli.models.item_index import TARGET, ItemIndex, build_index, open_index, table_digest

FloatArray = npt.NDArray[np.float32]
N, WIDTH, QUERIES = 5000, 16, 60

needs_faiss = pytest.mark.skipif(not item_index.installed(), reason="needs the extra ann")


def clustered(n: int, seed: int = 0) -> FloatArray:
    """Vectors about 50 centres, as item vectors lie; row 0 is padding, longer than all others."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(50, WIDTH))
    rows = centres[draw.integers(0, 50, n)] + 0.3 * draw.normal(size=(n, WIDTH))
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def table() -> FloatArray:
    found = clustered(N + 1)
    found[0] = 100.0
    return found


@pytest.fixture(scope="module")
def built(table: FloatArray, tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    path = tmp_path_factory.mktemp("index") / "deep" / "a.faiss"
    return build_index(path, table, clustered(QUERIES, seed=1), lambda done, total: None)


def share(index: ItemIndex, table: FloatArray, queries: FloatArray, k: int) -> float:
    """Of the k best of all items, how many are among those that the index names."""
    found = []
    for query in queries:
        exact = 1 + np.argsort(-(table[1:] @ query), kind="stable")[:k]
        found.append(np.isin(exact, index.near(query, k)).mean())
    return float(np.mean(found))


@needs_faiss
def test_its_recall_is_that_of_its_card_and_holds_for_others(built: ItemIndex, table: FloatArray) -> None:
    card = built.card
    assert (card.items, card.width, card.queries) == (N, WIDTH, QUERIES)
    assert card.recall >= TARGET
    assert card.recall == pytest.approx(share(built, table, clustered(QUERIES, seed=1), item_index.K), abs=1e-4)
    assert share(built, table, clustered(QUERIES, seed=2), item_index.K) >= TARGET - 0.02


@needs_faiss
def test_it_names_items_each_once_and_no_padding(built: ItemIndex) -> None:
    found = built.near(clustered(1, seed=3)[0], 30)
    assert len(found) >= 30
    assert len(set(found.tolist())) == len(found)
    assert 1 <= found.min() <= found.max() <= N


@needs_faiss
def test_no_more_cells_are_looked_at_than_are_needed(built: ItemIndex, table: FloatArray) -> None:
    lesser = [probes for probes in item_index.PROBES if probes < built.card.probes]
    index = open_index(built._path, table_digest(table))
    for probes in lesser:
        index.look_at(probes)
        assert share(index, table, clustered(QUERIES, seed=1), item_index.K) < TARGET
    assert built.card.probes <= max(item_index.PROBES[0], built.card.cells // 8)


@needs_faiss
def test_vectors_without_any_order_are_said_to_be_found_badly(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    table, queries = (draw.normal(size=(n, 64)).astype(np.float32) for n in (3001, 40))
    index = build_index(tmp_path / "a.faiss", table, queries, lambda done, total: None)
    assert index.card.recall < 0.9
    assert index.card.recall == pytest.approx(share(index, table, queries, item_index.K), abs=1e-4)


@needs_faiss
def test_it_is_the_same_file_again(built: ItemIndex, table: FloatArray, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    again = build_index(
        tmp_path / "b.faiss", table, clustered(QUERIES, seed=1), lambda done, total: told.append((done, total))
    )
    assert again.card == built.card
    assert told == [(N, N)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.faiss", "b.json"]


@needs_faiss
def test_opened_or_sent_elsewhere_it_answers_the_same(built: ItemIndex, table: FloatArray) -> None:
    query = clustered(1, seed=4)[0]
    for other in (open_index(built._path, table_digest(table)), pickle.loads(pickle.dumps(built))):
        assert other.card == built.card
        assert other.near(query, 50).tolist() == built.near(query, 50).tolist()


@needs_faiss
def test_a_stale_altered_or_newer_one_is_refused_by_name(built: ItemIndex, table: FloatArray, tmp_path: Path) -> None:
    path, card = tmp_path / "a.faiss", json.loads(built._path.with_suffix(".json").read_text())
    digest = table_digest(table)

    def lay(content: bytes, **changes: object) -> None:
        path.write_bytes(content)
        path.with_suffix(".json").write_text(json.dumps({**card, **changes}))

    whole = built._path.read_bytes()
    lay(whole)
    assert open_index(path, digest).card == built.card
    changed = table.copy()
    changed[7, 3] += 0.001
    with pytest.raises(InputError, match=r"a\.faiss is of another item table") as caught:
        open_index(path, table_digest(changed))
    assert caught.value.hint == "Remove it, and it is built anew; or: --retrieval exact"
    lay(whole[:-100])
    with pytest.raises(InputError, match="has been altered"):
        open_index(path, digest)
    lay(whole, schema_version=2)
    with pytest.raises(InputError, match="has version 2, and this toolrec reads up to 1"):
        open_index(path, digest)
    path.with_suffix(".json").write_text('{"schema_version": 1, "ta')
    with pytest.raises(InputError, match="has a card that cannot be read"):
        open_index(path, digest)
    path.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError):
        open_index(path, digest)


@needs_faiss
@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
def test_on_a_full_disk_there_is_none(table: FloatArray, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            build_index(tmp_path / "a.faiss", table, clustered(5), lambda done, total: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@needs_faiss
def test_too_few_items_have_no_cells(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="200 items are too few for an index"):
        build_index(tmp_path / "a.faiss", clustered(201), clustered(5), lambda done, total: None)


def test_without_faiss_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_index, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="faiss, which is not installed") as caught:
        build_index(tmp_path / "a.faiss", clustered(501), clustered(5), lambda done, total: None)
    assert caught.value.hint == "Type: pip install 'toolrec-cli[ann]'"
