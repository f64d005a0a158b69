"""Sections of the report, one file each; `kinds.py` lists them."""
