"""patray: which embedding model, recipe and text view to use for your patents, and how sure you can be."""

__version__ = "0.1.0"
