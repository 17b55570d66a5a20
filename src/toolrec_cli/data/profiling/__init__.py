"""What a prepared data set is like, in figures."""
