"""A run folder comes in; the HTML page, Markdown and LaTeX tables go out."""
