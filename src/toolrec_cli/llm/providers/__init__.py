"""The one place that knows vendors: which server wants what, and the client that asks it."""
