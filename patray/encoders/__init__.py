"""Texts with prompts come in; float32 vectors go out. One file per engine behind one small protocol."""
