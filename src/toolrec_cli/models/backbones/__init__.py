"""A file is a backbone: a module here that exports `BACKBONE` is known by its file name."""
