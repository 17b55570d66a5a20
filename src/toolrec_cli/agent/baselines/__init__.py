"""What exploring has to beat: a language model asked once or twice. A file is a baseline."""
