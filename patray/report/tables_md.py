"""Markdown tables (the GitHub flavour)."""

from __future__ import annotations

from patray.report.layouts import Layout

_TABLE = str.maketrans({**{sign: f"\\{sign}" for sign in "\\`*_[]|~$#"}, "&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown_table(layout: Layout) -> str:
    """The caption and the table; a text can break out of neither its cell nor into markup."""
    lines = [escape_markdown(layout.caption), ""]
    lines.append("| " + " | ".join(escape_markdown(name) for name in layout.columns) + " |")
    lines.append("|" + "|".join(" ---: " if right else " --- " for right in layout.numeric) + "|")
    for i, row in enumerate(layout.rows):
        cells = []
        for j, text in enumerate(row):
            escaped = escape_markdown(text)
            cells.append(f"**{escaped}**" if (i, j) in layout.bold else escaped)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """`text` as literal Markdown: what could start markup or end a cell gets a backslash, < and & an entity."""
    return text.translate(_TABLE)
