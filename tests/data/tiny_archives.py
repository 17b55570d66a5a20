"""A tiny archive for every source, as its makers would pack it: what the contract tests of all sources run on."""

import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolrec_cli.data.source import ReadOptions


def by_folder(folder: Path) -> ReadOptions:
    """--raw FOLDER"""
    return ReadOptions(raw=folder)


@dataclass(frozen=True)
class Tiny:
    """Files that hold four interactions that can be used, and one that cannot, of two users with three items."""

    files: dict[str, str]
    """Name -> text; gzipped when the name ends in .gz."""
    log: str
    """The file of the interactions."""
    optional: tuple[str, ...] = ()
    """Files that may be absent."""
    options: Callable[[Path], ReadOptions] = by_folder
    zips: bool = True
    """Whether the files may come in a zip."""

    def without(self, name: str) -> "Tiny":
        return replace(self, files={each: text for each, text in self.files.items() if each != name})

    def with_text(self, name: str, text: str) -> "Tiny":
        return replace(self, files=self.files | {name: text})

    def in_folder(self, folder: Path) -> ReadOptions:
        """Write the files into `folder`; the options that read them."""
        folder.mkdir(exist_ok=True)
        for name, text in self.files.items():
            data = text.encode()
            (folder / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return self.options(folder)

    def in_zip(self, path: Path) -> ReadOptions:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, text in self.files.items():
                packed.writestr(f"inner/{name}", text)
        return ReadOptions(raw=path)


def json_lines(*lines: dict[str, Any] | str) -> str:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def _ml_100k() -> Tiny:
    flags = "|".join("0" * 18)
    films = "".join(f"{n}|Film {n} (199{n})|01-Jan-1995||http://x|0|{flags}\n" for n in (1, 2, 3))
    return Tiny(
        {
            "u.item": films,
            "u.user": "1|33|F|other|T8H1N\n2|24|M|writer|02460\n",
            "u.data": "1\t1\t5\t881250949\n1\t2\t4\t881250950\n2\t1\t3\t881250951\n2\t3\t3\t881250952\n2\t9\t3\t881250952\n",
        },
        log="u.data",
    )


def _ml_1m() -> Tiny:
    return Tiny(
        {
            "movies.dat": "1::Toy Story (1995)::Animation|Comedy\n2::Matrix, The (1999)::Action\n3::Heat (1995)::\n",
            "users.dat": "1::F::1::10::48067\n2::M::56::16::02460\n",
            "ratings.dat": "1::1::5::978300760\n1::2::4::978300761\n2::1::3::978300762\n2::3::3::978300763\n2::3::3\n",
        },
        log="ratings.dat",
    )


def _ml_csv() -> Tiny:
    return Tiny(
        {
            "movies.csv": "movieId,title,genres\n1,Toy Story (1995),Comedy\n2,Heat (1995),(no genres listed)\n3,Up,Drama|War\n",
            "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.5,978300760\n1,2,4,978300761\n2,1,3,978300762\n"
            "2,3,3,978300763\n2,3,bad,978300763\n",
        },
        log="ratings.csv",
    )


def _amazon() -> Tiny:
    def review(user: str, item: str, time: int | str) -> dict[str, Any]:
        return {"reviewerID": user, "asin": item, "overall": 4.0, "unixReviewTime": time, "reviewText": "Long."}

    return Tiny(
        {
            "Books.json.gz": json_lines(
                review("A1", "B000000001", 1393372800),
                review("A1", "B000000002", 1393372801),
                review("A2", "B000000001", 1393372802),
                review("A2", "B000000003", 1393372803),
                review("A2", "B000000003", "soon"),
            ),
            "meta_Books.json.gz": json_lines(
                {"asin": "B000000001", "title": "One", "category": ["Books"], "price": "$1.50", "rank": "5 in Books ("},
                "{'asin': 'B000000002', 'title': \"Two's\", 'categories': [['Books', 'Art']], 'price': 2.5}",
                {"asin": "B000000003", "title": "Three", "brand": "Acme"},
            ),
        },
        log="Books.json.gz",
        zips=False,
    )


def _yelp() -> Tiny:
    def review(user: str, item: str, date: str) -> dict[str, Any]:
        return {"user_id": user, "business_id": item, "stars": 4.0, "date": date, "text": "Long."}

    return Tiny(
        {
            "yelp_academic_dataset_business.json": json_lines(
                {"business_id": "b1", "name": "One", "categories": "Food, Bars", "postal_code": "02134", "is_open": 1},
                {"business_id": "b2", "name": "Two", "city": "Boston", "state": "MA", "stars": 4.5, "is_open": 0},
                {"business_id": "b3", "name": "Three", "review_count": 7},
            ),
            "yelp_academic_dataset_review.json": json_lines(
                review("u1", "b1", "2014-02-17 16:48:06"),
                review("u1", "b2", "2014-02-17 16:48:07"),
                review("u2", "b1", "2014-02-17 16:48:08"),
                review("u2", "b3", "2014-02-18"),
                review("u2", "b3", "yesterday"),
            ),
            "yelp_academic_dataset_user.json": json_lines({"user_id": "u1", "yelping_since": "2007-01-25 16:47:26"}),
        },
        log="yelp_academic_dataset_review.json",
        optional=("yelp_academic_dataset_user.json",),
    )


def _recbole() -> Tiny:
    return Tiny(
        {
            "shop.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu1\ta\t4\t978300760\n"
            "u1\tb\t4\t978300761\nu2\ta\t4\t978300762\nu2\tc\t4\t978300763\nu2\tc\n",
            "shop.item": "item_id:token\ttitle:token_seq\ttags:token_seq\tprice:float\tbrand:token\n"
            "a\tOne\tred big\t1.5\tAcme\nb\tTwo\tred\t\t\nc\tThree\t\t2\tAcme\n",
            "shop.user": "user_id:token\tage:float\nu1\t33\n",
        },
        log="shop.inter",
        optional=("shop.item", "shop.user"),
    )


def _table() -> Tiny:
    return Tiny(
        {
            "log.csv": "user,item,rating,time\nu1,a,4,978300760\nu1,b,4,978300761\nu2,a,4,978300762\nu2,c,4,978300763\n"
            "u2,c,4,soon\n",
            "items.csv": "item,title,tags,price,colour,about\n"
            'a,One,x|y,1.5,red,"Some words"\nb,Two,y|x,,red,\nc,Three,x|y,2,blue,\n',
        },
        log="log.csv",
        options=lambda folder: ReadOptions(interactions=folder / "log.csv", items=folder / "items.csv"),
        zips=False,
    )


TINY: dict[str, Tiny] = {
    "ml-100k": _ml_100k(),
    "ml-1m": _ml_1m(),
    "ml-32m": _ml_csv(),
    "ml-latest": _ml_csv(),
    "amazon": _amazon(),
    "yelp": _yelp(),
    "recbole": _recbole(),
    "table": _table(),
}
"""Source -> its tiny archive."""

MADE_UP = {"sample"}
"""Sources that read nothing."""
