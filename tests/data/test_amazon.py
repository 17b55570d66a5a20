"""Amazon reviews: three releases, and what their metadata is like."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolrec_cli.data.catalog import Kind
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import BadRow, RawData, ReadOptions
from toolrec_cli.data.sources._amazon_values import names, paths, prices, sales_ranks, titles
from toolrec_cli.data.sources.amazon import SOURCE
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.progress import silent

REVIEWS_2018 = [
    {
        "overall": 4.0,
        "verified": True,
        "reviewTime": "02 26, 2014",
        "reviewerID": "A1",
        "asin": "B00005N7P0",
        "reviewerName": "J. Roe",
        "reviewText": 'Good.\nVery "good".',
        "summary": "Good",
        "unixReviewTime": 1393372800,
        "style": {"Format:": " Print Magazine"},
        "vote": "1,003",
    },
    {"overall": 1.0, "reviewerID": "A2", "asin": "0007195300", "unixReviewTime": 1058227200},
]
META_2018 = [
    {
        "category": ["Books", "Arts &amp; Music", "Arts &amp; Music", "</span></span>", "100% paper"],
        "description": ["Long."],
        "title": "Caf&eacute; <b>News</b>",
        "brand": "Visit Amazon's Jane Roe Page",
        "rank": "1,234 in Books (",
        "main_cat": '<img src="x.png" class="nav" alt="Amazon Books"/>',
        "price": "$5.00 - $9.00",
        "asin": "B00005N7P0",
        "details": {},
    },
    {
        "category": [],
        "title": '<span class="a-size-medium a-color-secondary"',
        "brand": "",
        "rank": [">#39,745 in Cell Phones (See Top 100)", ">#48 in Cases"],
        "main_cat": "Magazines",
        "price": ".a-box-inner{background-color:#fff}",
        "asin": "0007195300",
    },
]
REVIEWS_2023 = [
    {
        "rating": 5.0,
        "title": "Such a lovely scent",
        "text": "…",
        "images": [],
        "asin": "B00YQ6X8EO",
        "parent_asin": "B00YQ6X8E0",
        "user_id": "AGKHLEW2SOWHNMFQIJGBECAF7INQ",
        "timestamp": 1588687728923,
        "helpful_vote": 0,
        "verified_purchase": True,
    }
]
META_2023 = [
    {
        "main_category": "All Beauty",
        "title": "Howard LC0008",
        "average_rating": 4.8,
        "rating_number": 10,
        "features": [],
        "description": [],
        "price": 12.99,
        "images": [],
        "store": "Howard Products",
        "categories": ["Beauty", "Hair Care"],
        "details": {"Brand": "Howard", "Best Sellers Rank": {"Beauty & Personal Care": 1047, "Shampoo": 8}},
        "parent_asin": "B00YQ6X8E0",
        "bought_together": None,
    }
]
REVIEW_2014 = {"reviewerID": "A1", "asin": "0000031852", "overall": 5.0, "unixReviewTime": 1252800000}
META_2014 = [
    "{'asin': '0000031852', 'title': \"Girl's Tutu\", 'price': 3.17, 'related': {'also_bought': ['B00JHONN1S']}, "
    "'salesRank': {'Toys & Games': 211836}, 'brand': 'Coxlures', "
    "'categories': [['Sports & Outdoors', 'Dance'], ['Clothing', 'Dance']]}",
    "{'asin': '0000031887', 'title': 'Skirt \\'\\'\\x96 \\u00e9', 'categories': [['Clothing']]}",
]


def write(folder: Path, name: str, lines: list[object]) -> Path:
    """Objects as JSON lines, texts as they are; gzipped when the name says so."""
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return folder / name


def read(folder: Path, reviews: list[object], meta: list[object], ending: str = ".json.gz") -> RawData:
    write(folder, f"Books{ending}", reviews)
    write(folder, f"meta_Books{ending}", meta)
    return SOURCE.read(ReadOptions(raw=folder), silent)


def test_the_release_of_2018(tmp_path: Path) -> None:
    raw = read(tmp_path / "a", REVIEWS_2018, META_2018)
    assert_frame_equal(
        raw.interactions,
        pl.DataFrame(
            {
                "line": [1, 2],
                "user_id": ["A1", "A2"],
                "item_id": ["B00005N7P0", "0007195300"],
                "rating": [4.0, 1.0],
                "timestamp": [1393372800, 1058227200],
            },
            schema_overrides={"line": pl.UInt32, "rating": pl.Float32},
        ),
    )
    assert_frame_equal(
        raw.items,
        pl.DataFrame(
            {
                "item_id": ["B00005N7P0", "0007195300"],
                "title": ["Café News", "0007195300"],
                "category": [["Books", "Arts & Music"], None],
                "brand": ["Jane Roe", None],
                "main_category": ["Amazon Books", "Magazines"],
                "price": [7.0, None],
                "sales_rank": [1234, 39745],
            }
        ),
    )
    assert raw.kinds == {
        "category": Kind.MULTI,
        "brand": Kind.CATEGORICAL,
        "main_category": Kind.CATEGORICAL,
        "price": Kind.NUMERIC,
        "sales_rank": Kind.NUMERIC,
    }
    assert raw.notes == [
        "Books.json.gz: the times are seconds since 1970.",
        "Prices given as a range, taken as its mean: 1.",
        "Prices that are no prices (scraps of a page), left empty: 1.",
        "Attributes that Amazon counted over all reviews, also later ones than a user's history: sales_rank.",
        "Items without a title that can be read, called by their id: 1.",
    ]


def test_the_release_of_2023(tmp_path: Path) -> None:
    raw = read(tmp_path / "a", REVIEWS_2023, META_2023, ".jsonl.gz")
    assert raw.interactions.drop("line").rows() == [("AGKHLEW2SOWHNMFQIJGBECAF7INQ", "B00YQ6X8E0", 5.0, 1588687728923)]
    assert raw.items.rows(named=True) == [
        {
            "item_id": "B00YQ6X8E0",
            "title": "Howard LC0008",
            "category": ["Beauty", "Hair Care"],
            "store": "Howard Products",
            "price": 12.99,
            "sales_rank": 1047,
            "average_rating": 4.8,
            "rating_number": 10,
        }
    ]
    assert raw.notes[0] == "Books.jsonl.gz: the times are milliseconds since 1970."


def test_the_release_of_2014_is_python_not_json(tmp_path: Path) -> None:
    raw = read(tmp_path / "a", [REVIEW_2014], list(META_2014))
    assert raw.items.rows(named=True) == [
        {
            "item_id": "0000031852",
            "title": "Girl's Tutu",
            "category": ["Sports & Outdoors", "Dance", "Clothing"],
            "brand": "Coxlures",
            "price": 3.17,
            "sales_rank": 211836,
        },
        {
            "item_id": "0000031887",
            "title": "Skirt '' é",
            "category": ["Clothing"],
            "brand": None,
            "price": None,
            "sales_rank": None,
        },
    ]
    assert raw.bad_rows == []


def test_lines_that_hold_nothing_usable(tmp_path: Path) -> None:
    good = dict(REVIEWS_2018[0])
    reviews = [
        good,
        '{"overall": 4.0, "reviewerID": ',
        "",
        good | {"reviewerID": " "},
        good | {"asin": None},
        good | {"overall": "NaN"},
        good | {"unixReviewTime": "soon"},
        "[1, 2]",
        good | {"asin": "B000UNLIST"},
    ]
    raw = read(tmp_path / "a", reviews, [*META_2018, META_2018[0], {"title": "nameless"}, "__import__('os')"])
    assert sorted([(row.file, row.line, row.reason) for row in raw.bad_rows]) == [
        ("Books.json.gz", 2, "it is not a JSON object"),
        ("Books.json.gz", 4, "the user id is empty"),
        ("Books.json.gz", 5, "the item id is empty"),
        ("Books.json.gz", 6, "the rating is not a number"),
        ("Books.json.gz", 7, "the timestamp is not a whole number"),
        ("Books.json.gz", 8, "it is not a JSON object"),
        ("meta_Books.json.gz", 4, "the item id is empty"),
        ("meta_Books.json.gz", 5, "it is not a JSON object"),
    ]
    assert raw.bad_rows[0] == BadRow("Books.json.gz", 2, "it is not a JSON object", '{"overall": 4.0, "reviewerID": ')
    assert raw.n_rows == {"Books.json.gz": 8, "meta_Books.json.gz": 5}
    assert raw.interactions["line"].to_list() == [1, 9]
    assert raw.items["item_id"].to_list() == ["B00005N7P0", "0007195300", "B000UNLIST"]
    assert "meta_Books.json.gz: lines that describe an item again, of which the first is kept: 1." in raw.notes
    assert "Items that were met but are not described, kept without attributes: 1." in raw.notes


@pytest.mark.parametrize(
    "rows",
    [
        ["A2IIIDRK3PRRZY,0116293680,1.0,1395619200", "A1TADCM7YWPQ8M,B0000868IH,4.0,1395619200"],  # 2014
        ["0116293680,A2IIIDRK3PRRZY,1.0,1395619200", "B0000868IH,A1TADCM7YWPQ8M,4.0,1395619200"],  # 2018
        [
            "user_id,parent_asin,rating,timestamp",
            "A2IIIDRK3PRRZY,0116293680,1.0,1395619200",
            "A1TADCM7YWPQ8M,B0000868IH,4.0,1395619200",
        ],
    ],
    ids=["2014", "2018", "2023"],
)
def test_ratings_only(tmp_path: Path, rows: list[object]) -> None:
    raw = SOURCE.read(ReadOptions(interactions=write(tmp_path, "ratings_Books.csv", rows)), silent)
    assert raw.interactions.drop("line").rows() == [
        ("A2IIIDRK3PRRZY", "0116293680", 1.0, 1395619200),
        ("A1TADCM7YWPQ8M", "B0000868IH", 4.0, 1395619200),
    ]
    assert raw.items.rows() == [("0116293680", "0116293680"), ("B0000868IH", "B0000868IH")]
    assert raw.notes[-1].startswith("There is no metadata (--items META)")


@pytest.mark.parametrize(
    ("text", "price", "is_mean", "lost"),
    [
        ("$12.99", 12.99, False, False),
        ("3.17", 3.17, False, False),
        ("$1,299.00", 1299.0, False, False),
        ("from 12.99", 12.99, False, False),
        ("$.99", 0.99, False, False),
        ("$5.00 - $9.00", 7.0, True, False),
        ("5 – 1,000", 502.5, True, False),
        ("", None, False, False),
        (None, None, False, False),
        ("—", None, False, False),
        ("\n\n<script", None, False, True),
        (".a-box-inner{border-color:#e77600}", None, False, True),
        ("See price in cart", None, False, True),
    ],
)
def test_prices(text: str | None, price: float | None, is_mean: bool, lost: bool) -> None:
    assert prices(pl.Series("x", [text], dtype=pl.String)).rows() == [(price, is_mean, lost)]


@pytest.mark.parametrize(
    ("rank", "details", "value"),
    [
        ("1,234 in Books (", None, 1234),
        ("629 in Magazine Subscriptions (", None, 629),
        ('[">#39,745 in Cell Phones & Accessories (See Top 100)", ">#5 in Cases"]', None, 39745),
        ('{"Toys & Games": 211836}', None, 211836),
        (None, '{"Brand": "7 in 1", "Best Sellers Rank": {"Books": 12, "Art": 3}}', 12),
        ("in Books (", None, None),
        (None, '{"Best Sellers Rank": null}', None),
    ],
)
def test_sales_ranks(rank: str | None, details: str | None, value: int | None) -> None:
    texts = (pl.Series("rank", [rank], dtype=pl.String), pl.Series("details", [details], dtype=pl.String))
    assert sales_ranks(*texts).to_list() == [value]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["Books", "Arts &amp; Music"]', ["Books", "Arts & Music"]),
        ('[["Books", "Art"], ["Books", "Music"]]', ["Books", "Art", "Music"]),
        ('["Clothing", "</span></span></span>", "Imported"]', ["Clothing"]),
        ('["a \\\\ b", "  c\\n d "]', ["a \\ b", "c d"]),
        ('["a \\ b", "c \\"d\\""]', ["a \\ b", 'c "d"']),
        ("[]", None),
        (None, None),
        ("Books", ["Books"]),
    ],
)
def test_category_paths(text: str | None, labels: list[str] | None) -> None:
    assert paths(pl.Series("category", [text], dtype=pl.String)).to_list() == [labels]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Harry Potter &amp; the <i>Stone</i>", "Harry Potter & the Stone"),
        ("D&eacute;cor &ndash; 5 &#39;x&#x27;", "Décor – 5 'x'"),
        ("I <3 you", "I <3 you"),
        ("<3 > 2", "<3 > 2"),
        ("  two\n lines\x07 ", "two lines"),
        ('<span class="a-size-medium a-color-secondary"', None),
        (' Magazines" />', None),
        ("var aPageStart = (new Date()).getTime();", None),
        (".a-box-inner{background-color:#fff}", None),
        ("", None),
        (None, None),
    ],
)
def test_titles(text: str | None, title: str | None) -> None:
    assert titles(pl.Series("title", [text], dtype=pl.String)).to_list() == [title]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Visit Amazon's Jane Roe Page", "Jane Roe"),
        ("by\n    \n    Hearst", "Hearst"),
        ('<img src="x" alt="AMAZON FASHION"/>', "AMAZON FASHION"),
        ("Dolce &amp; Gabbana", "Dolce & Gabbana"),
        ("", None),
    ],
)
def test_names(text: str, name: str | None) -> None:
    assert names(pl.Series("brand", [text])).to_list() == [name]


def test_which_files_are_meant(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    read(folder, REVIEWS_2018, META_2018)
    write(folder, "Books_5.json.gz", REVIEWS_2018)
    with pytest.raises(UsageError, match=r"holds several files of reviews .*: Books\.json\.gz, Books_5\.json\.gz"):
        SOURCE.read(ReadOptions(raw=folder), silent)
    meta = folder / "meta_Books.json.gz"
    named = SOURCE.read(ReadOptions(interactions=folder / "Books_5.json.gz", items=meta), silent)
    assert list(named.files) == ["Books_5.json.gz", "meta_Books.json.gz"]
    (folder / "Books_5.json.gz").unlink()
    meta.unlink()
    with pytest.raises(InputError, match=r"There is no file of metadata \(meta_NAME\.json\.gz\)") as caught:
        SOURCE.read(ReadOptions(raw=folder), silent)
    assert "toolrec prep amazon --raw FOLDER" in str(caught.value.hint)


def test_what_holds_no_reviews_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "Books.json", ["not", "json"])
    with pytest.raises(InputError, match=r"Books\.json holds no reviews; line 1: it is not a JSON object"):
        SOURCE.read(ReadOptions(interactions=path), silent)


def test_amazon_magazine(tmp_path: Path, real_data: Callable[[str], Path]) -> None:
    raw = SOURCE.read(ReadOptions(raw=real_data("amazon-magazine")), silent)
    assert raw.n_rows == {"Magazine_Subscriptions_5.json.gz": 2375, "meta_Magazine_Subscriptions.json.gz": 3385}
    assert raw.bad_rows == []
    assert raw.notes == [
        "Magazine_Subscriptions_5.json.gz: the times are seconds since 1970.",
        "meta_Magazine_Subscriptions.json.gz: lines that describe an item again, of which the first is kept: 1,065.",
        "Prices that are no prices (scraps of a page), left empty: 16.",
        "Attributes that Amazon counted over all reviews, also later ones than a user's history: sales_rank.",
        "Items without a title that can be read, called by their id: 148.",
        "Items that were met but are not described, kept without attributes: 6.",
    ]
    assert raw.items.height == 2326
    assert raw.items["sales_rank"].count() == 1263
    dataset = prepare("amazon", raw, "magazine", tmp_path / "magazine", skip_bad=False, progress=silent)
    counts = {"users": 348, "items": 157, "interactions": 2375, "train": 1679, "validation": 348, "test": 348}
    assert dataset.card.counts == counts
    assert {a.name: (str(a.kind), a.n_values) for a in dataset.card.attributes} == {
        "category": ("multi-valued", 80),
        "brand": ("categorical", 56),
        "sales_rank": ("numeric", 25),
    }
