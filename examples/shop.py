"""An invented shop as two CSV files, to see what `toolrec prep table` makes of files like yours.

python examples/shop.py            writes shop/clicks.csv and shop/products.csv
toolrec prep table --interactions shop/clicks.csv --items shop/products.csv --name shop
toolrec pretrain shop
toolrec train-encoder shop --attr category
toolrec train-encoder shop --attr price
toolrec recommend shop --user ann7 --trace
toolrec eval shop
"""

import csv
import random
import sys
from pathlib import Path

PLACES = {
    "kitchen": ("kettle", "pan", "whisk", "mug", "bread knife", "mixing bowl"),
    "garden": ("trowel", "watering can", "seed tray", "secateurs", "planter", "rain gauge"),
    "desk": ("notebook", "fountain pen", "lamp", "stapler", "in-tray", "blotter"),
    "travel": ("rucksack", "bottle", "headlamp", "map case", "rain cape", "stove"),
}
MAKERS = ("Alder", "Brae", "Corvid", "Dunlin", "Esker")
NAMES = ("ann", "bo", "cleo", "dev", "eve", "fay", "gus", "hana", "ivo", "jun")
N_USERS, LONGEST = 400, 40


def products(rng: random.Random) -> list[dict[str, str]]:
    """Every maker makes everything, at a price of its own; one in ten prices is not known."""
    rows: list[dict[str, str]] = []
    for place, things in PLACES.items():
        for thing in things:
            for level, maker in enumerate(MAKERS, start=1):
                price = "" if rng.random() < 0.1 else f"{level * rng.uniform(4, 9):.2f}"
                other = rng.choice([p for p in PLACES if p != place])
                category = f"{place}|{other}" if rng.random() < 0.7 else place
                title = f"{maker} {thing}"
                rows.append(
                    {"sku": f"P{len(rows):03}", "title": title, "category": category, "brand": maker, "price": price}
                )
    return rows


def clicks(items: list[dict[str, str]], rng: random.Random) -> list[tuple[str, str, int]]:
    """People stay with a place and a maker for a while, then move on."""
    rows: list[tuple[str, str, int]] = []
    for number in range(N_USERS):
        when, place, maker = 1_700_000_000 + rng.randrange(10**7), rng.choice(list(PLACES)), rng.choice(MAKERS)
        for _ in range(rng.randint(5, LONGEST)):
            place = rng.choice(list(PLACES)) if rng.random() < 0.15 else place
            maker = rng.choice(MAKERS) if rng.random() < 0.1 else maker
            weights = [(8 if place in item["category"] else 1) * (5 if maker == item["brand"] else 1) for item in items]
            when += rng.randrange(60, 10**5)
            rows.append((user_id(number), rng.choices(items, weights)[0]["sku"], when))
    return sorted(rows, key=lambda row: row[2])


def user_id(number: int) -> str:
    """The user's id: "ann7"."""
    return f"{NAMES[number % len(NAMES)]}{number // len(NAMES)}"


def main() -> None:
    """Write both files into the folder named (default: shop)."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "shop")
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    items = products(rng)
    with (folder / "products.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(items[0]))
        writer.writeheader()
        writer.writerows(items)
    with (folder / "clicks.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("user_id", "sku", "timestamp"), *clicks(items, rng)])
    print(f"Wrote {folder}/products.csv and {folder}/clicks.csv. Next:")
    print(f"toolrec prep table --interactions {folder}/clicks.csv --items {folder}/products.csv --name shop")


if __name__ == "__main__":
    main()
