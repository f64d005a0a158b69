"""Fixtures of the landscape tests; the builders lie in conftest_landscapes.py, where tests can import them."""

from conftest_landscapes import clean, write

__all__ = ["clean", "write"]
