"""Outside formats, one file each. Exports and benchmarks come in, a landscape folder (and its import report) goes out."""
