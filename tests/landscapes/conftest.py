"""Fixtures of the landscape tests; the builders lie in conftest_landscapes.py, where tests can import them."""

from conftest_landscapes import clean, write
from hypothesis import settings

settings.register_profile("shared", deadline=None)  # a busy machine is no failure
settings.load_profile("shared")

__all__ = ["clean", "write"]
