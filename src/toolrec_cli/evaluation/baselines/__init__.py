"""What every list has to beat. A file is a baseline: a function from what is counted and a history to a score an item."""
