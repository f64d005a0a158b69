"""Outside formats, one file each. Exports and benchmarks come in, a landscape folder and an import report go out."""
