"""For tests, examples and benchmarks: somebody who plays the language model. Nothing of the program itself imports this room."""
