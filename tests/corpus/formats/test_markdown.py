"""Markdown files: what a reader would see of them, in the blocks of every documentation generator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.corpus.formats import TEXT_READERS


def test_markdown_becomes_plain_text(tmp_path: Path, one: Any) -> None:
    document = one(
        tmp_path,
        "guide.md",
        "---\ntitle: The *Guide*\ntags: [a, b]\ndate: 2024-05-01\n---\n"
        "# Start { #start }\n\nRead **this** _now_, `code_span`, ~~old~~ and [the page](https://x.example/y).\n"
        "See https://bare.example/url?a=1 and <https://auto.example>.\n\n"
        "![A diagram](d.png){ width=300 }\n\n<!-- hidden -->\n\n"
        "Sub\n---\n\n* one\n* two\n    * deep\n\n3. three\n4. four\n\n> quoted\n\n"
        "```python hl_lines='2'\n# not a heading\nx = {'a': 1}\n```\n\n    indented code\n\n"
        "| Key | Value |\n|-----|-------|\n| `port` | **80** |\n\n"
        "<div class='x'>\n\nIn a <kbd>div</kbd><br>here &amp; there, <your-name>\n\n</div>\n",
    )
    assert document.title == "The *Guide*"
    assert document.metadata == {"path": "guide.md", "tags": ["a", "b"], "date": "2024-05-01"}
    assert document.text == (
        "# Start\n\nRead this now, code_span, old and the page.\n"
        "See https://bare.example/url?a=1 and https://auto.example.\n\n"
        "A diagram\n\n## Sub\n\n- one\n- two\n  - deep\n\n3. three\n4. four\n\nquoted\n\n"
        "```python\n# not a heading\nx = {'a': 1}\n```\n\n```\nindented code\n```\n\n"
        "Key | Value\nport | 80\n\nIn a div\nhere & there, <your-name>"
    )


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("---\ntitle: 7\n---\n# Other", "7"),
        ("intro\n\n# First\n\n# Second", "First"),
        ("## Only a section\n\ntext", "Only a section"),
        ("<h1 align='center'>Made of HTML</h1>\n\ntext", "Made of HTML"),
        ("text\n\n## Section", "my long name"),
        ("no heading", "my long name"),
    ],
)
def test_markdown_title(tmp_path: Path, source: str, title: str, one: Any) -> None:
    assert one(tmp_path, "my-long_name.md", source).title == title


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("/// tip\n\nBe quick.\n\n///\n\nAfter", "Tip:\nBe quick.\n\nAfter"),
        ("/// note | Technical Details\n\nText\n\n///", "Note: Technical Details\nText"),
        ("//// tab | Python 3.10+\n\n```py\na\n```\n\n////", "Python 3.10+:\n\n```py\na\n```"),
        ("/// details | More\n    open: True\n\nText\n\n///", "More:\nText"),
        (
            '!!! note "Look"\n    Indented **text**\n\n    More\n\nAfter',
            "Note: Look\nIndented text\n\nMore\n\nAfter",
        ),
        ("??? warning\n    Text", "Warning:\nText"),
        ('!!! note ""\n    Text', "Note:\nText"),
        ('!!! danger highlight "Not **now**"\n    Text', "Danger: Not now\nText"),
        ("!!!WARNING!!! Read this", "!!!WARNING!!! Read this"),
        ("1. One\n\n    /// note\n\n    Text\n\n    ///\n\n2. Two", "1. One\n\n   Note:\n   Text\n\n2. Two"),
        ("//// tab | A\n\n/// note\n\nText\n\n///\n\n////\n\nAfter", "A:\n\nNote:\nText\n\nAfter"),
        ("/// note\n\nNever closed", "Note:\nNever closed"),
        ("Closed, never opened\n\n///\n\n:::\n\nAfter", "Closed, never opened\n\nAfter"),
        ("- One\n\n  > [!TIP] **Quick**\n  > Text", "- One\n\n  Tip: Quick\n  Text"),
        ('=== "A"\n\n    one\n\n\n    two\n=== "B"\n    three\nAfter',
         "A:\none\n\ntwo\n\nB:\nthree\n\nAfter"),
        ("::::{grid} 2\n:::{card} One\nText\n:::\n::::", "2:\n\nCard: One\nText"),
        ("Two[^a] notes[^b].\n\n[^a]: Deprecated.\n[^b]: See \"locking collar\"\n\n    More.\n\n[^c]: Unused",
         "Two[^a] notes[^b].\n\n[^a]: Deprecated.\n\n[^b]: See \"locking collar\"\n\nMore.\n\n[^c]: Unused"),
        ("Term\n:   Its **meaning**\n\n    More of it\n\nAfter",
         "Term\n: Its meaning\n\n  More of it\n\nAfter"),
        ("<div>\n{{ macro }}\n{% x %}\nIn it</div>", "{{ macro }} In it"),
        ('=== "Linux"\n\n    ```sh\n    ls\n    ```\n\nAfter', "Linux:\n\n```sh\nls\n```\n\nAfter"),
        ("::: warning Careful\nText\n:::", "Warning: Careful\nText"),
        (":::tip[My title]\nText\n:::", "Tip: My title\nText"),
        ("::: package.module.Class", "package.module.Class"),
        ("```{note}\nSome *text*\n```", "Note:\n\nSome text"),
        ("> [!IMPORTANT]\n> Text", "Important:\nText"),
        ("A\n\n{* ../docs_src/a.py hl[1] *}\n\nB", "A\n\nB"),
        ('--8<-- "part.md"\n\n[TOC]\n\n{: .no_toc }\n\n{% include "x" %}\n\nB', "B"),
        ("[x](y){.internal target=_blank} and {kept}", "x and {kept}"),
        ("```\n/// tip\n!!! note\n{* a *}\n```", "```\n/// tip\n!!! note\n{* a *}\n```"),
        ('    === "A"\n    !!! note\n    :::', '```\n=== "A"\n!!! note\n:::\n```'),
    ],
)  # fmt: skip
def test_markdown_of_documentation_generators(tmp_path: Path, source: str, text: str, one: Any) -> None:
    assert one(tmp_path, "a.md", source).text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("the sha*sum and mk*temp tools", "the sha*sum and mk*temp tools"),
        (
            "in __init__.py, call obj.__dict__ or __main__()",
            "in __init__.py, call obj.__dict__ or __main__()",
        ),
        ("a <none> package by <me@example.org>", "a <none> package by me@example.org"),
        ("\\# not a heading", "\\# not a heading"),
        ("````\n```\ninner\n```\n````", "````\n```\ninner\n```\n````"),
        ("- [ ] open\n- [x] done", "- [ ] open\n- [x] done"),
        ("a<sub>2</sub> <td>cell</td><td>next</td>", "a2  cell  next"),
        ("```console\n$ <font color='red'>ls</font> &lt;dir&gt;\n```", "```console\n$ ls <dir>\n```"),
        ("```html\n<font color='red'>x</font>\n```", "```html\n<font color='red'>x</font>\n```"),
        ("<details><summary>Sum</summary>\n<p>Para</p>\n<ul><li>x</li></ul></details>", "Sum\n\nPara\n\n- x"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a | b\n1 | 2"),
        ("text <!-- a\nb --> more", "text  more"),
    ],
)
def test_markdown_loses_no_text(tmp_path: Path, source: str, text: str, one: Any) -> None:
    assert one(tmp_path, "a.md", source).text == text


def test_root_prompts_are_no_headings_where_the_text_opens_below_them(tmp_path: Path, one: Any) -> None:
    document = one(
        tmp_path, "a.md", "## 6.2. Tools\n\nRun:\n\n# apt update\n# apt upgrade\n\nDone.\n\n### More\n\nx"
    )
    assert document.title == "6.2. Tools"
    assert document.text.count("```") == 2
    assert "```\n# apt update\n# apt upgrade\n```" in document.text


@pytest.mark.parametrize("front", ["a: [1", "a: &x [1]\nb: *x", "a: 2024-99-99"])
def test_front_matter_that_cannot_be_read_stays_in_the_text(tmp_path: Path, front: str, one: Any) -> None:
    document = one(tmp_path, "a.md", f"---\n{front}\n---\nBody")
    assert front in document.text
    assert document.text.endswith("Body")
    assert document.metadata == {"path": "a.md"}


def test_front_matter_keeps_its_types_and_dates_become_iso_text(tmp_path: Path, one: Any) -> None:
    front = (
        "year: 2024\nrate: 0.5\ndraft: yes\ntags: [a, b]\nauthor:\n  name: Ann\n"
        "at: 2024-05-01 10:30:00\nday: 2024-05-01"
    )
    assert one(tmp_path, "sub/a.md", f"---\n{front}\n---\nBody").metadata == {
        "path": "a.md",
        "year": 2024,
        "rate": 0.5,
        "draft": True,
        "tags": ["a", "b"],
        "author": {"name": "Ann"},
        "at": "2024-05-01T10:30:00",
        "day": "2024-05-01",
    }


@pytest.mark.parametrize("front", ["!!python/object/apply:os.system [id]", "a: !!python/name:os.system"])
def test_front_matter_makes_no_objects(tmp_path: Path, front: str, one: Any) -> None:
    assert one(tmp_path, "a.md", f"---\n{front}\n---\nBody").metadata == {"path": "a.md"}


@pytest.mark.parametrize(
    "source",
    [
        '+++\ntitle = "The page"\ndate = 2024-05-01\ntags = ["a"]\n+++\n# Other\n',
        '{\n  "title": "The page",\n  "date": "2024-05-01", "tags": ["a"]\n}\n\n# Other\n',
    ],
)
def test_front_matter_of_toml_and_json(tmp_path: Path, source: str, one: Any) -> None:
    document = one(tmp_path, "a.md", source)
    assert (document.title, document.text) == ("The page", "# Other")
    assert document.metadata == {"path": "a.md", "date": "2024-05-01", "tags": ["a"]}


@pytest.mark.parametrize(
    "source", ["+++\ntitle = \n+++\nBody", '{"title": \nBody', '{"title": 1} Body', "{x}\nBody"]
)
def test_what_only_looks_like_front_matter_stays(tmp_path: Path, source: str, one: Any) -> None:
    document = one(tmp_path, "a.md", source)
    assert document.text.endswith("Body") and len(document.text) > 4
    assert document.metadata == {"path": "a.md"}


def test_rules_that_are_no_front_matter(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "a.md", "---\n\njust words\n\n---\n\nBody")
    assert document.text == "just words\n\nBody"


BLOCKS = ["", "!!! note", "??? tip \"T\"", "/// tip", "///", "//// tab | T", "////", "::: warning",
          ":::{note} T", ":::", "::: a.b.c", "=== \"T\"", "> [!NOTE] T", "> ", "- ", "1. ", "[^a]: ", ": ",
          "```{note}", "```", "# ", "<div>", "</div>", "<td>", "{% x %}", "[TOC]", "---", "| a | b |",
          "|---|---|", "{: .x }", "$$"]  # fmt: skip


@pytest.mark.parametrize("opening", ["/// tip", "::: warning", "!!! note"])
def test_a_quoted_block_may_end_the_file_in_an_empty_line(opening: str) -> None:
    assert "before" in TEXT_READERS[".md"](f"before\n\n> {opening}\n> ").text


@given(st.lists(st.tuples(st.sampled_from(["", "  ", "    ", "        ", "> "]), st.sampled_from(BLOCKS),
                          st.booleans()), max_size=12))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_blocks_in_any_order_lose_no_words(lines: list[tuple[str, str, bool]]) -> None:
    written = []
    for number, (indent, block, has_words) in enumerate(lines):
        written.append(f"{indent}{block}")
        if has_words:
            written.append(f"{indent}word{number}word")
    text = TEXT_READERS[".md"]("Opening.\n" + "\n".join(written)).text
    for word in re.findall(r"word\d+word", "\n".join(written)):
        assert word in text


@given(st.lists(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1), min_size=1))
@settings(max_examples=60, deadline=None)
def test_plain_words_come_through_every_text_format(words: list[str]) -> None:
    for separator in (" ", "\n", "\n\n"):
        source = separator.join(words)
        for ending in (".md", ".rst", ".txt"):
            assert TEXT_READERS[ending](source).text.split() == words
