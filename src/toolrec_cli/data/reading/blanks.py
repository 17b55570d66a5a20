"""Words that programs write where there is nothing."""

NOTHING = ["", "nan", "NaN", "null", "NULL", "<NA>", "\\N"]
"""pandas, JSON, SQL, Hive. Not "NA" nor "None", which may be names."""
