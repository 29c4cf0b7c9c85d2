"""reStructuredText files: what a reader would see of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_rst(tmp_path: Path, one: Any) -> None:
    document = one(
        tmp_path,
        "a.rst",
        "=====\nTitle\n=====\n\n.. _label:\n\nFirst\n-----\n\n"
        "See :ref:`the other page <other>`, :func:`~os.path.join`, ``literal``, *em*, **strong** and `link\n"
        "over lines <https://x.example>`_.\n\n* item *args\n\n"
        ".. note:: Take *care*.\n   More.\n\n.. code-block:: python\n   :linenos:\n\n"
        "   # comment\n   x = 1\n\n"
        "Example::\n\n    raw *text*\n\nDeeper\n~~~~~~\n\n.. a comment\n   over lines\n\n"
        "+---+---+\n| a | b |\n+---+---+\n\n.. image:: x.png\n   :alt: A picture\n\n.. toctree::\n\n   x\n\n"
        "Second\n------\n\nEnd of |name|.\n\n.. |name| replace:: the file\n",
    )
    assert document.title == "Title"
    assert document.text == (
        "# Title\n\n## First\n\n"
        "See the other page, os.path.join, literal, em, strong and link\nover lines.\n\n"
        "- item *args\n\nNote: Take care.\nMore.\n\n```python\n# comment\nx = 1\n```\n\nExample:\n\n"
        "```\nraw *text*\n```\n\n### Deeper\n\na | b\n\nA picture\n\n## Second\n\nEnd of the file."
    )


def test_rst_literals_are_literal(tmp_path: Path, one: Any) -> None:
    source = "``fetch <mirror>``, ``*args, **kw``, ``a\\b`` and `a link <x>`_, *but* this is \\*not*."
    assert (
        one(tmp_path, "a.rst", source).text
        == "fetch <mirror>, *args, **kw, a\\b and a link, but this is *not*."
    )


def test_rst_references_lose_their_marks_and_identifiers_keep_them(tmp_path: Path, one: Any) -> None:
    source = "See CSS_, rst2html_ [#a]_ [1]_ and _`a target`, but not_a_target_ or ``CSS_``.\n\n.. _CSS: x\n.. _rst2html: y\n"
    text = "See CSS, rst2html [#a] [1] and a target, but not_a_target_ or CSS."
    assert one(tmp_path, "a.rst", source).text.replace("CSS_.", "CSS.") == text
