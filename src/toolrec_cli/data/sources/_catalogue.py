"""A catalogue for every item that was met: what is described, and by their bare ids those that are not."""

import polars as pl


def completed(items: pl.DataFrame, interactions: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """`items` (item_id, title with nulls, attributes), then those only the interactions know; ids for missing titles; notes."""
    met = interactions.select("item_id").unique(maintain_order=True)
    unlisted = met.join(items, on="item_id", how="anti", maintain_order="left")
    every = pl.concat([items, unlisted], how="diagonal")
    n_nameless = items.join(met, on="item_id", how="semi")["title"].null_count()
    notes = [f"Items without a title that can be read, called by their id: {n_nameless:,}."] if n_nameless else []
    if unlisted.height:
        notes.append(f"Items that were met but are not described, kept without attributes: {unlisted.height:,}.")
    return every.with_columns(pl.col("title").fill_null(pl.col("item_id"))), notes


def bare(interactions: pl.DataFrame) -> pl.DataFrame:
    """item_id and title of every item that was met, where nothing describes them: the ids stand for titles."""
    return interactions.select("item_id").unique(maintain_order=True).with_columns(title="item_id")
