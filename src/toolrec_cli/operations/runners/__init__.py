"""Where a run's users are explored: a file is a runner."""
