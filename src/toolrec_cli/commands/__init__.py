"""A file per verb: parse, call one operation, render. Heavy imports stay inside the functions, so that help is quick."""
