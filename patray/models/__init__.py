"""The registry of models, and from a record to a local snapshot of its files."""
