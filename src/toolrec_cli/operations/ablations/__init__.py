"""What is taken away to see what it was worth. A file is an ablation: a question, and the variants that answer it."""
