"""Words of LaTeX: its accents, its signs, and the commands whose arguments no reader sees."""

from __future__ import annotations

from splade_cli.corpus.formats.prose import names

ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "H": "\u030b", "c": "\u0327", "u": "\u0306", "v": "\u030c", "d": "\u0323", "b": "\u0331",
    "k": "\u0328", "r": "\u030a",
}  # fmt: skip
"""The combining sign of each accent."""
SIGNS = {
    "ss": "\u00df", "ae": "\u00e6", "AE": "\u00c6", "oe": "\u0153", "OE": "\u0152", "o": "\u00f8",
    "O": "\u00d8", "aa": "\u00e5", "AA": "\u00c5", "l": "\u0142", "L": "\u0141", "i": "i", "j": "j",
    "S": "\u00a7", "P": "\u00b6", "copyright": "\u00a9", "pounds": "\u00a3", "euro": "\u20ac",
    "dots": "\u2026", "ldots": "\u2026", "textellipsis": "\u2026", "textendash": "\u2013",
    "textemdash": "\u2014", "textbackslash": "\\", "textasciitilde": "\u02dc", "textunderscore": "_",
    "textquotesingle": "'", "textbar": "|", "textless": "<", "textgreater": ">", "textdegree": "\u00b0",
    "TeX": "TeX", "LaTeX": "LaTeX", "LaTeXe": "LaTeX2e", "BibTeX": "BibTeX", "quad": " ", "qquad": " ",
    "par": "\n\n", "newline": "\n", "textquoteright": "\u2019", "textregistered": "\u00ae",
    "texttrademark": "\u2122", "guillemotleft": "\u00ab", "guillemotright": "\u00bb", "newpage": "\n\n",
}  # fmt: skip
"""What stands for a command."""
DROPPED = {
    "label": 1, "ref": 1, "eqref": 1, "pageref": 1, "autoref": 1, "cref": 1, "Cref": 1, "cite": 1, "citep": 1,
    "citet": 1, "parencite": 1, "textcite": 1, "nocite": 1, "bibliography": 1, "bibliographystyle": 1,
    "usepackage": 1, "documentclass": 1, "includegraphics": 1, "input": 1, "include": 1, "subfile": 1,
    "lstinputlisting": 1, "vspace": 1, "hspace": 1, "setlength": 2, "addtolength": 2, "setcounter": 2,
    "newcommand": 2, "renewcommand": 2, "providecommand": 2, "def": 1, "newenvironment": 3, "index": 1,
    "pagestyle": 1, "thispagestyle": 1, "hypersetup": 1, "lstset": 1, "color": 1, "textcolor": 1,
    "colorbox": 1, "definecolor": 3, "geometry": 1, "graphicspath": 1, "phantom": 1,
    "href": 1, "hypertarget": 1,
    "hyperlink": 1, "addcontentsline": 3, "markboth": 2, "raisebox": 1, "parbox": 1, "rule": 2,
    "multicolumn": 2, "multirow": 2, "addbibresource": 1, "newtheorem": 1, "title": 1, "hyphenation": 1,
    "captionsetup": 1, "usetikzlibrary": 1, "theoremstyle": 1, "bibitem": 1, "selectlanguage": 1,
}  # fmt: skip
"""How many arguments of a command are not text."""
BEFORE = {"footnote": " ", "caption": "\n\n"}
"""What parts the text of a command from that before it."""
PUNCTUATION = {"``": "\u201c", "''": "\u201d", "---": "\u2014", "--": "\u2013", "~": " "}
"""Signs that are written by others, the longer ones first."""
ENVIRONMENTS = names("document center flushleft flushright minipage")
"""Environments that part no paragraphs."""
