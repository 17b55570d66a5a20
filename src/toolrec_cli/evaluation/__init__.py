"""Lists against held-out items: metrics, intervals, paired tests. Labels are read here, after the lists are written."""
