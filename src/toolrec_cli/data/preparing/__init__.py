"""Tables in the world's ids -> a data set on disk: numbered, filtered, cut into buckets, ordered, split and written."""
