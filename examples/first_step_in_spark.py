"""A log too long for one machine: Spark does the first step, `toolrec prep` takes its output as it is.

    python examples/first_step_in_spark.py RAW OUT        # pip install pyspark; RAW: Parquet with user_id, item_id, timestamp
    toolrec prep table --interactions OUT --name shop --k-core 5

The first step is what shrinks a log and can be done anywhere: pick the columns, drop events that cannot be used, drop users and
items that cannot survive a 5-core in any case, and keep each user's events together. Ids, order, core and split are toolrec's.
"""

import sys
from typing import Any

CORE = 5


def first_step(spark: Any, raw: str, out: str) -> None:
    """Write Parquet partitions of user_id, item_id, timestamp; a user's events all lie in one of them."""
    from pyspark.sql import functions as F

    log = spark.read.parquet(raw).select("user_id", "item_id", "timestamp").dropna()
    for name in ("user_id", "item_id"):
        often = log.groupBy(name).count().filter(F.col("count") >= CORE).select(name)
        log = log.join(often, name, "left_semi")
    log.repartition("user_id").sortWithinPartitions("user_id", "timestamp").write.parquet(out)


def main() -> None:
    """Run it on this machine's cores; on a cluster, submit the file."""
    from pyspark.sql import SparkSession

    raw, out = sys.argv[1:3]
    with SparkSession.builder.appName("toolrec-first-step").getOrCreate() as spark:
        first_step(spark, raw, out)


if __name__ == "__main__":
    main()
