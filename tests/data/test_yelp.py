"""Yelp's JSON files, loose in a folder or packed as Yelp packs them."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData, ReadOptions
from toolrec_cli.data.sources.yelp import BUSINESSES, KINDS, REVIEWS, SOURCE, USERS
from toolrec_cli.errors import InputError
from toolrec_cli.progress import silent

BUSINESS_LINES: list[Any] = [
    {
        "business_id": "Pns2l4eNsfO8kk83dixA6A",
        "name": "Abby Rappoport,  LAC",
        "address": "1616 Chapala St, Ste 2",
        "city": "Santa Barbara",
        "state": "CA",
        "postal_code": "93101",
        "latitude": 34.4266787,
        "longitude": -119.7111968,
        "stars": 5.0,
        "review_count": 7,
        "is_open": 0,
        "attributes": {"ByAppointmentOnly": "True"},
        "categories": "Doctors, Traditional Chinese Medicine, Health & Medical, Doctors",
        "hours": None,
    },
    {
        "business_id": "-b2",
        "name": "",
        "city": "Boston ",
        "state": "MA",
        "postal_code": "02134",
        "stars": 3.5,
        "review_count": 22,
        "is_open": 1,
        "categories": None,
    },
]
REVIEW_LINES: list[Any] = [
    {
        "review_id": "r1",
        "user_id": "u1",
        "business_id": "-b2",
        "stars": 3.0,
        "useful": 0,
        "funny": 0,
        "cool": 0,
        "text": 'Long,\n"long" text.',
        "date": "2014-02-17 16:48:06",
    },
    {"user_id": "u2", "business_id": "Pns2l4eNsfO8kk83dixA6A", "stars": 5, "date": "2016-03-09"},
]
USER_LINES: list[Any] = [
    {
        "user_id": "u1",
        "name": "Jane",
        "review_count": 585,
        "yelping_since": "2007-01-25 16:47:26",
        "friends": "a, b",
        "fans": 267,
        "average_stars": 3.91,
    },
    {"user_id": "u9", "name": "Nobody", "yelping_since": "2010-01-01", "fans": 0, "average_stars": 1.0},
]


def files(**changed: list[Any]) -> dict[str, bytes]:
    """File name -> its bytes; `changed` replaces the lines of business, review or user."""
    lines = {"business": BUSINESS_LINES, "review": REVIEW_LINES, "user": USER_LINES} | changed
    return {
        f"yelp_academic_dataset_{name}.json": "".join(
            (each if isinstance(each, str) else json.dumps(each)) + "\n" for each in found
        ).encode()
        for name, found in lines.items()
    }


def tar(packed: dict[str, bytes], mode: str = "w") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as made:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, data in {"Dataset_User_Agreement.pdf": b"%PDF", **packed}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return held.getvalue()


@pytest.mark.parametrize(
    ("categories", "labels"),
    [
        ("Food, Beer, Wine & Spirits, Bars", ["Food", "Beer, Wine & Spirits", "Bars"]),
        ("Books, Mags, Music & Video, Books", ["Books, Mags, Music & Video", "Books"]),
        (["Food", "Bars"], ["Food", "Bars"]),
        ("", None),
        (None, None),
    ],
)
def test_categories(categories: Any, labels: list[str] | None, tmp_path: Path) -> None:
    raw = read(tmp_path, business=[BUSINESS_LINES[0] | {"categories": categories}, BUSINESS_LINES[1]])
    assert raw.items["categories"][0:1].to_list() == [labels]


def zipped(path: Path, packed: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in packed.items():
            made.writestr(f"Yelp JSON/{name}", data)
    return path


def folder(path: Path, packed: dict[str, bytes]) -> Path:
    path.mkdir()
    for name, data in packed.items():
        (path / name).write_bytes(data)
    return path


def read(tmp_path: Path, **changed: list[Any]) -> RawData:
    return SOURCE.read(ReadOptions(raw=folder(tmp_path / "yelp", files(**changed))), silent)


def test_the_three_files(tmp_path: Path) -> None:
    raw = read(tmp_path)
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["Pns2l4eNsfO8kk83dixA6A", "-b2"],
                "title": ["Abby Rappoport, LAC", "-b2"],
                "categories": [["Doctors", "Traditional Chinese Medicine", "Health & Medical"], None],
                "city": ["Santa Barbara", "Boston"],
                "state": ["CA", "MA"],
                "postal_code": ["93101", "02134"],
                "stars": [5.0, 3.5],
                "review_count": [7, 22],
                "is_open": ["closed", "open"],
            }
        ),
    )
    assert_frame_equal(
        raw.interactions,
        pl.DataFrame(
            {
                "line": [1, 2],
                "user_id": ["u1", "u2"],
                "item_id": ["-b2", "Pns2l4eNsfO8kk83dixA6A"],
                "rating": [3.0, 5.0],
                "timestamp": [1392655686, 1457481600],
            },
            schema_overrides={"line": pl.UInt32, "rating": pl.Float32},
        ),
    )
    assert raw.users is not None
    assert raw.users.rows(named=True) == [
        {"user_id": "u1", "yelping_since": "2007-01-25", "average_stars": 3.91, "fans": 267}
    ]
    assert raw.kinds == KINDS
    assert raw.n_rows == {BUSINESSES: 2, REVIEWS: 2, USERS: 2}
    assert raw.bad_rows == []
    assert "Businesses that have closed, kept and marked (is_open): 1." in raw.notes
    dataset = prepare("yelp", raw, "yelp", tmp_path / "made", skip_bad=False, progress=silent)
    assert dataset.profile(dataset.user_index("u2")) == {}


@pytest.mark.parametrize("packing", ["tar", "tgz", "zip", "tar in zip"])
def test_packed_as_it_comes(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"yelp_dataset.{packing.split()[-1]}"
    if packing.endswith("zip"):
        zipped(path, files() if packing == "zip" else {"yelp_dataset.tar": tar(files()), "readme.pdf": b"%PDF"})
    else:
        path.write_bytes(tar(files(), "w:gz" if packing == "tgz" else "w"))
    raw = SOURCE.read(ReadOptions(raw=path), silent)
    loose = read(tmp_path)
    assert_frame_equal(raw.interactions, loose.interactions)
    assert_frame_equal(raw.items, loose.items)
    assert raw.users is not None
    assert raw.users.height == 1
    assert list(raw.files) == [path.name]


def test_the_users_may_be_absent(tmp_path: Path) -> None:
    packed = {name: data for name, data in files().items() if name != USERS}
    for path in (zipped(tmp_path / "y.zip", packed), folder(tmp_path / "y", packed)):
        raw = SOURCE.read(ReadOptions(raw=path), silent)
        assert raw.users is None
        assert f"There is no {USERS}: nothing is known of the users." in raw.notes


def test_broken_lines_are_found_with_their_numbers(tmp_path: Path) -> None:
    good = REVIEW_LINES[0]
    raw = read(
        tmp_path,
        business=[*BUSINESS_LINES, BUSINESS_LINES[1] | {"name": "Again"}, {"name": "nameless"}],
        review=[
            good,
            '{"cut": ',
            good | {"user_id": None},
            good | {"stars": None},
            good | {"date": "17.2.2014"},
            good | {"business_id": "gone"},
        ],
        user=[*USER_LINES, USER_LINES[0], {"name": "x"}],
    )
    assert [(row.file.split("_")[-1], row.line, row.reason) for row in raw.bad_rows] == [
        ("business.json", 4, "the business id is empty"),
        ("business.json", 3, "the business comes again; the first one is kept"),
        ("review.json", 2, "it is not a JSON object"),
        ("review.json", 3, "the user id is empty"),
        ("review.json", 4, "the rating is not a number"),
        ("review.json", 5, "the time is not a date"),
        ("review.json", 6, f"{BUSINESSES} has no such business"),
        ("user.json", 4, "the user id is empty"),
        ("user.json", 3, "the user comes again; the first one is kept"),
    ]
    assert raw.n_rows == {BUSINESSES: 4, REVIEWS: 6, USERS: 4}
    assert raw.interactions.height == 1


def test_what_is_cut_off_or_missing_is_refused(tmp_path: Path) -> None:
    whole = tar(files(review=REVIEW_LINES * 500))
    cut = tmp_path / "yelp_dataset.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"yelp_dataset\.tar is cut off or not a tar file") as caught:
        SOURCE.read(ReadOptions(raw=cut), silent)
    assert "https://business.yelp.com/data/resources/open-dataset/" in str(caught.value.hint)
    packed = {name: data for name, data in files().items() if name != REVIEWS}
    with pytest.raises(InputError, match=rf"There is no {REVIEWS} in"):
        SOURCE.read(ReadOptions(raw=folder(tmp_path / "y", packed)), silent)
    with pytest.raises(InputError, match=rf"{BUSINESSES} in .* is empty"):
        read(tmp_path, business=[""])
