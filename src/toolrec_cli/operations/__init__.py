"""The verbs as plain functions, a file each: what the command line does, without the command line."""
