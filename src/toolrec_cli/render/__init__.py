"""Values -> what people see: rich renderables, plain lines, JSON-ready dicts. Nothing here computes."""
