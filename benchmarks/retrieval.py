"""Exact retrieval against the size of the catalogue: one user as the agent asks, and a thousand at once, beside plain products.

    python benchmarks/retrieval.py [--items 100000 1000000] [--users 1000] [--k 100] [--threads 2] [--rounds 5]
    python benchmarks/retrieval.py --index 1000000 3000000

Width 64, histories of 50 items, queries encoded beforehand; item vectors are random, which is as hard as any. The peers are
what one would write: all scores of as many users as fit into 400 MB, then topk of torch, or argpartition and sort of NumPy.
All alternate within a round; the best round counts, as the others were disturbed. Every list is compared with the one made
for that user alone. Prints Markdown.

With --index (which needs the extra ann) the other way: one user as the agent asks, by the index and exactly, over vectors in
heaps (about 2,000 centres, queries too) and over vectors without any order, which no index can find its way in.
"""

import argparse
import datetime
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from toolrec_cli.models.best import ITEMS, USERS, best
from toolrec_cli.tools.retrieve import masked, top_k

WIDTH, HISTORY, HELD = 64, 50, 400_000_000


class World:
    """A catalogue, users, and the ways to find everybody's best."""

    def __init__(self, n_items: int, n_users: int, k: int) -> None:
        rng = np.random.default_rng(0)
        self.k, self.n_users, self.n_items = k, n_users, n_items
        self.table = rng.normal(size=(n_items + 1, WIDTH)).astype(np.float32)
        self.queries = rng.normal(size=(n_users, WIDTH)).astype(np.float32)
        self.items = rng.integers(1, n_items + 1, n_users * HISTORY).astype(np.int32)
        self.offsets = np.arange(0, n_users * HISTORY + 1, HISTORY)
        self.at_once = max(1, min(n_users, HELD // (4 * n_items)))

    def one(self, user: int = 0) -> np.ndarray:
        """As the retrieval tool does."""
        own = self.items[self.offsets[user] : self.offsets[user + 1]]
        return top_k(masked(self.table @ self.queries[user], own), self.k)

    def one_by_torch(self) -> np.ndarray:
        scores = torch.from_numpy(self.table) @ torch.from_numpy(self.queries[0])
        scores[0] = scores[self.items[:HISTORY].astype(np.int64)] = -torch.inf
        return scores.topk(self.k).indices.numpy()

    def many(self) -> np.ndarray:
        return best(self.queries, self.table, self.items, self.offsets, self.k)

    def one_by_one(self) -> np.ndarray:
        return np.stack([self.one(user) for user in range(self.n_users)])

    def many_by_torch(self) -> np.ndarray:
        return self._in_parts(lambda scores: torch.from_numpy(scores).topk(self.k, dim=1).indices.numpy())

    def many_by_numpy(self) -> np.ndarray:
        def found(scores: np.ndarray) -> np.ndarray:
            some = np.argpartition(-scores, self.k, axis=1)[:, : self.k]
            order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1)
            return np.take_along_axis(some, order, axis=1)

        return self._in_parts(found)

    def _in_parts(self, top: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        parts = []
        for start in range(0, self.n_users, self.at_once):
            stop = min(start + self.at_once, self.n_users)
            scores = (torch.from_numpy(self.queries[start:stop]) @ torch.from_numpy(self.table).T).numpy()
            scores[:, 0] = -np.inf
            rows = np.repeat(np.arange(stop - start), HISTORY)
            scores[rows, self.items[self.offsets[start] : self.offsets[stop]]] = -np.inf
            parts.append(top(scores))
        return np.concatenate(parts)


def encoded(n_users: int) -> Callable[[], object]:
    """Histories of HISTORY items through a SASRec of 2 layers that reads up to 64: what one pays before either way."""
    from toolrec_cli.data.interactions import Interactions
    from toolrec_cli.models import store
    from toolrec_cli.models.encoding import encode

    shape = {"n_items": 1000, "embedding_size": WIDTH, "n_layers": 2, "max_length": 64}
    model = store.build_backbone("sasrec", shape)
    items = np.random.default_rng(0).integers(1, 1001, n_users * HISTORY).astype(np.int32)
    histories = Interactions(np.arange(0, n_users * HISTORY + 1, HISTORY), items, None, None)
    return lambda: encode(model, {}, histories)


def measured(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Of each, milliseconds by the clock and of processor time, in its best round."""
    found = dict.fromkeys(ways, (np.inf, np.inf))
    for _ in range(rounds):
        for name, way in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            way()
            took = 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)
            found[name] = min(found[name], took)
    return found


def vectors(n: int, seed: int, heaps: int) -> np.ndarray:
    """[n, WIDTH] about so many centres, as far from them as these are from one another by 0.7; of no heaps, anywhere."""
    drawn = np.random.default_rng(seed)
    found = drawn.normal(size=(n, WIDTH)).astype(np.float32)
    if heaps:
        found *= 0.7
        found += np.random.default_rng(99).normal(size=(heaps, WIDTH)).astype(np.float32)[drawn.integers(0, heaps, n)]
    return found


def by_index(n_items: int, heaps: int, k: int) -> str:
    """A row of Markdown: what an index costs and finds, and what a question costs either way."""
    from toolrec_cli.models.item_index import build_index, open_index, table_digest

    table, path = vectors(n_items + 1, 0, heaps), Path(tempfile.mkdtemp()) / "index.faiss"
    table[0] = 0.0
    began = time.process_time()
    build_index(path, table, vectors(200, 1, heaps), lambda done, total: None)
    built = time.process_time() - began
    index, queries = open_index(path, table_digest(table)), vectors(200, 2, heaps)
    nobody = np.zeros(0, np.int32)

    def near(query: np.ndarray) -> np.ndarray:
        items = index.near(query, k)
        scores = table[items] @ query
        return items[np.lexsort((items, -scores))[:k]]

    exact, ways, took = lambda query: top_k(masked(table @ query, nobody), k), {}, {}
    for name, way in (("index", near), ("exact", exact)):
        cpu = time.process_time()
        ways[name] = [way(query) for query in queries]
        took[name] = 1000 * (time.process_time() - cpu) / len(queries)
    recall = np.mean([np.isin(e, i).mean() for e, i in zip(ways["exact"], ways["index"], strict=True)])
    card, peak = index.card, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lie = f"{heaps:,} heaps" if heaps else "no order"
    size, looked = path.stat().st_size / 1e6, f"{card.probes} of {card.cells:,}"
    said = f"| {n_items:,} | {lie} | {built:,.0f} | {size:,.0f} | {peak:,.0f} | {looked} | {card.recall:.4f} | {recall:.4f} "
    return f"{said}| {took['index']:.2f} | {took['exact']:.2f} |"


COLUMNS = (
    "items", "vectors", "built, CPU-s", "MB of the file", "MB at most", "cells looked at", "recall@100, its card",
    "recall@100, others", "CPU ms by index", "CPU ms exactly",
)  # fmt: skip


def main() -> None:
    """Measure, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--index", type=int, nargs="+", default=[])
    asked = parser.parse_args()
    if asked.index:
        torch.set_num_threads(1)
        print(f"| {' | '.join(COLUMNS)} |\n|--:|---|{'--:|' * (len(COLUMNS) - 2)}", flush=True)
        for n_items in asked.index:
            for heaps in (2000, 0):
                print(by_index(n_items, heaps, asked.k), flush=True)
        _said(asked.rounds, asked.k, 1)
        return
    torch.set_num_threads(asked.threads)
    print("| items | who | way | ms | CPU ms | MB of scores held |\n|--:|---|---|--:|--:|--:|")
    before = {n: measured({"": encoded(n)}, asked.rounds)[""] for n in (1, asked.users)}
    for n, (wall, cpu) in before.items():
        print(f"| | {n:,} user{'s' * (n > 1)} | *histories encoded* | {wall:,.1f} | {cpu:,.1f} | |")
    for n_items in asked.items:
        world = World(n_items, asked.users, asked.k)
        alone = measured({"toolrec": world.one, "torch: product, topk": world.one_by_torch}, 10 * asked.rounds)
        ways = {
            "toolrec": world.many,
            "toolrec, one by one": world.one_by_one,
            "torch: product, topk": world.many_by_torch,
            "numpy: product, argpartition": world.many_by_numpy,
        }
        rounds = asked.rounds if n_items <= 200_000 else max(1, asked.rounds // 3)
        together = measured(ways, rounds)
        held = {"toolrec": USERS * ITEMS, "toolrec, one by one": n_items}
        for name, (wall, cpu) in alone.items():
            print(f"| {n_items:,} | one user | {name} | {wall:,.1f} | {cpu:,.1f} | {4 * n_items / 1e6:,.1f} |")
        for name, (wall, cpu) in together.items():
            size = 4 * held.get(name, world.at_once * n_items) / 1e6
            print(f"| {n_items:,} | {asked.users:,} users | {name} | {wall:,.0f} | {cpu:,.0f} | {size:,.1f} |")
        same = (world.many() == world.one_by_one()).all(axis=1)
        print(f"| {n_items:,} | {asked.users:,} users | *lists equal to those made alone* | {same.sum():,} | | |")
    _said(asked.rounds, asked.k, asked.threads)


def _said(rounds: int, k: int, threads: int) -> None:
    """Where and when."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"\nBest of {rounds} rounds; k = {k}, {threads} threads, {cores} cores, load {load:.1f}, Python "
          f"{platform.python_version()}, torch {torch.__version__}, {datetime.datetime.now(datetime.UTC).date()}")  # fmt: skip


if __name__ == "__main__":
    main()
