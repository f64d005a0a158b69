"""LaTeX tables in the booktabs style; a long one is a longtable, which breaks over pages."""

from __future__ import annotations

from patray.report.layouts import Layout

LONG = 45
"""Rows that fit on a page."""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "−": r"$-$",
    "–": "--",
    "…": r"\ldots{}",
    "\ufffd": "?",
}

_TABLE = str.maketrans(_ESCAPES)


def latex_table(layout: Layout) -> str:
    """A table or longtable with caption and label. Needs booktabs, and longtable where it is long."""
    long = len(layout.rows) > LONG
    spec = "".join("r" if right else "l" for right in layout.numeric)
    head = " & ".join(escape_latex(name) for name in layout.columns) + r" \\"
    body = [" & ".join(_cell(layout, i, j) for j in range(len(row))) + r" \\" for i, row in enumerate(layout.rows)]
    packages = "booktabs, longtable" if long else "booktabs"
    caption = rf"\caption{{{escape_latex(layout.caption)}}}"
    label = rf"\label{{tab:{_label(layout.name)}}}"
    if long:
        start = [rf"\begin{{longtable}}{{{spec}}}", rf"{caption}{label} \\"]
        rules = [r"\toprule", head, r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead"]
        rules += [r"\bottomrule", r"\endlastfoot"]
        lines = [f"% needs: {packages}", *start, *rules, *body, r"\end{longtable}"]
    else:
        lines = [f"% needs: {packages}", r"\begin{table}", r"\centering", caption, label]
        lines += [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
        lines += [r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _cell(layout: Layout, i: int, j: int) -> str:
    text = escape_latex(layout.rows[i][j])
    if j == 0 and text.startswith(("[", "*")):
        text = "{}" + text  # after a row's end, \\ would take these as its argument
    return rf"\textbf{{{text}}}" if (i, j) in layout.bold else text


def _label(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)


def escape_latex(text: str) -> str:
    """`text` as literal LaTeX. Letters outside Latin need XeLaTeX or LuaLaTeX with a font that has them."""
    return text.translate(_TABLE)
