"""The item pool, who did what with it, and how both are read from the world's files."""
