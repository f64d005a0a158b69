"""Patents with their truth. A landscape folder comes in; metadata, view texts, truth, slices, splits, labels go out."""
