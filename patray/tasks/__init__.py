"""Rankings or vectors come in; scores go out, one per item, which become the rows of the evidence."""
