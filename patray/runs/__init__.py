"""What to do and what was done: the suite, its resolving, provenance, and comparisons of finished runs."""
