"""What to do and what was done: the suite, its plan, the artifact store, provenance and the run folder's tables."""
