"""Digests: the published SHA-256 values, and one digest for several."""

import hashlib
from pathlib import Path

from toolrec_cli.storage.digests import file_digest, joint_digest

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    for name, raw, digest in (("empty", b"", NOTHING), ("abc", b"abc", ABC)):
        (tmp_path / name).write_bytes(raw)
        assert file_digest(tmp_path / name) == digest


def test_a_large_file_is_read_to_its_end(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 5000 + b"end"
    (tmp_path / "large").write_bytes(raw)
    assert file_digest(tmp_path / "large") == hashlib.sha256(raw).hexdigest()


def test_one_digest_for_several_depends_on_each_and_on_their_order() -> None:
    assert joint_digest([]) == NOTHING
    assert joint_digest(["abc"]) == ABC
    found = [joint_digest(each) for each in (["a", "b"], ["b", "a"], ["a"], ["ab"], ["a", "b", ""])]
    assert len(set(found)) == 5
    assert joint_digest(iter(["a", "b"])) == joint_digest(["a", "b"])
