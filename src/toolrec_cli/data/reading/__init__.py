"""Strangers' files as tables of text, a piece at a time where they are large; every row that cannot be used, with its line."""
