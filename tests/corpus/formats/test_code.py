"""Source code and notebooks: definitions under their names, comments as prose, code in fences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PYTHON = '''#!/usr/bin/env python
# Copyright
"""Module.

At the margin.
"""
import os

X = 1


# What it does.
@deco
def first(a):
    """Doc."""
    text = """
text

at the margin
"""

    return text


class Second:
    pass
'''


def test_python(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "my_module.py", PYTHON)
    assert document.title == "my module"
    assert document.text == (
        'Copyright\n\n```python\n"""Module.\n\nAt the margin.\n"""\nimport os\n\nX = 1\n```\n\n'
        '## first\n\nWhat it does.\n\n```python\n@deco\ndef first(a):\n    """Doc."""\n    text = """\ntext\n\n'
        'at the margin\n"""\n\n    return text\n```\n\n## Second\n\n```python\nclass Second:\n    pass\n```'
    )


def test_a_large_class_is_cut_at_its_methods(tmp_path: Path, one: Any) -> None:
    body = "\n".join(f"        value_{number} = {number}" for number in range(60))
    methods = "\n\n".join(f"    # About {name}.\n    def {name}(self):\n{body}" for name in ("one", "two"))
    text = one(tmp_path, "a.py", f"class Large:\n    '''Doc.'''\n\n{methods}\n").text
    assert text.startswith(
        "## Large\n\n```python\nclass Large:\n    '''Doc.'''\n```\n\n### Large.one\n\nAbout one."
    )
    assert "\n\n### Large.two\n\nAbout two.\n\n```python\ndef two(self):\n    value_0 = 0\n" in text


@pytest.mark.parametrize(
    ("name", "source", "text"),
    [
        ("a.c", "/* File\n * header */\n#include <a.h>\n\n/**\n * Adds.\n */\nstatic int add(int a)\n{\n  b;\n\n}\n",
         "File\nheader\n\n```c\n#include <a.h>\n```\n\n## add\n\nAdds.\n\n"
         "```c\nstatic int add(int a)\n{\n  b;\n\n}\n```"),
        ("a.ts", "/** Doc */\nexport const add = (a, b) => {\n  c\n\n}\n\nexport default class Foo {\n}\n",
         "## add\n\nDoc\n\n```typescript\nexport const add = (a, b) => {\n  c\n\n}\n```\n\n"
         "## Foo\n\n```typescript\nexport default class Foo {\n}\n```"),
        ("a.go", "// Get gets.\nfunc (s *Server) Get(a int) {\n}\n",
         "## Get\n\nGet gets.\n\n```go\nfunc (s *Server) Get(a int) {\n}\n```"),
        ("a.rs", "/// Runs.\n#[inline]\npub async fn run() {\n}\n",
         "## run\n\nRuns.\n\n```rust\n#[inline]\npub async fn run() {\n}\n```"),
        ("a.sql", "-- Users\nCREATE TABLE IF NOT EXISTS users (\n id int\n);\n",
         "## users\n\nUsers\n\n```sql\nCREATE TABLE IF NOT EXISTS users (\n id int\n);\n```"),
        ("a.sh", "# Help\nset -e\n\nrun() {\n  ls\n}\n", "Help\n\n```bash\nset -e\n\nrun() {\n  ls\n}\n```"),
        ("Makefile", "# Builds.\nall:\n\techo\n", "Builds.\n\n```make\nall:\n    echo\n```"),
        ("a.js", "// # no heading\n\nx = `\n```\n`\n", "no heading\n\n````javascript\n"),
    ],
)  # fmt: skip
def test_languages(tmp_path: Path, name: str, source: str, text: str, one: Any) -> None:
    assert one(tmp_path, name, source).text.startswith(text)


def test_code_that_a_program_wrote_is_skipped(tmp_path: Path, refused: Any) -> None:
    assert refused(tmp_path, "a.min.js", "x=1;" * 5000) == "code without lines, as programs write it"


def test_notebook(tmp_path: Path, one: Any) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Some *words*"]},
        {"cell_type": "code", "source": "x = 1\n# no heading", "outputs": [{"text": ["hidden"]}]},
        {"cell_type": "raw", "source": "raw"},
        {"cell_type": "code", "source": []},
    ]
    notebook = {"cells": cells, "nbformat": 4, "metadata": {"language_info": {"name": "python"}}}
    document = one(tmp_path, "a.ipynb", json.dumps(notebook))
    assert document.title == "Title"
    assert document.text == "# Title\n\nSome words\n\n```python\nx = 1\n# no heading\n```\n\nraw"


def test_an_old_notebook(tmp_path: Path, one: Any) -> None:
    cells = [{"cell_type": "heading", "level": 2, "source": "Head"}, {"cell_type": "code", "input": "x"}]
    document = one(tmp_path, "a.ipynb", json.dumps({"worksheets": [{"cells": cells}]}))
    assert (document.title, document.text) == ("Head", "## Head\n\n```\nx\n```")


@pytest.mark.parametrize(
    ("source", "reason"), [("{", "broken notebook ("), ("[]", "no notebook"), ("{}", "no notebook")]
)
def test_no_notebook(tmp_path: Path, source: str, reason: str, refused: Any) -> None:
    assert refused(tmp_path, "a.ipynb", source).startswith(reason)
