"""Patents with their truth. A landscape folder comes in; validated metadata, view texts, truth, slices, splits and labels go out."""
