"""The surrogate user: its loop, its memory, and the record of what it thought, did and saw."""
