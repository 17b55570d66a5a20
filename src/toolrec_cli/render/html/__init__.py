"""Runs as one page of HTML: values -> markup. Never computes."""
