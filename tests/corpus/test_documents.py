"""Small real files of every format: what a reader would see in them, and every reason for a skip."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.corpus.documents import Reading, Skipped, iterate_documents, read_documents
from splade_cli.corpus.formats import TEXT_READERS
from splade_cli.errors import InputError
from splade_cli.records import Document

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def one(folder: Path, name: str, content: str | bytes) -> Document:
    documents = read_documents(write(folder, name, content)).documents
    assert len(documents) == 1
    return documents[0]


def many(folder: Path, name: str, content: object) -> Reading:
    return read_documents(write(folder, name, content if isinstance(content, str) else json.dumps(content)))


def refused(folder: Path, name: str, content: str | bytes) -> str:
    """The reason for which one file is skipped, seen from a folder that has a good one as well."""
    write(folder, "good.txt", "good")
    write(folder, name, content)
    reading = read_documents(folder)
    assert [document.id for document in reading.documents] == ["good.txt"]
    assert [skipped.path for skipped in reading.skipped] == [name]
    return reading.skipped[0].reason


def make_pdf(*pages: str, title: str = "") -> bytes:
    """A minimal PDF: each page's lines drawn one below the other."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, page in enumerate(pages):
        drawn = "".join(f"({line}) Tj T* " for line in page.split("\n") if line)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {drawn}ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\n"
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}"
    return out + f"{tail}startxref\n{len(out)}\n%%EOF\n".encode()


# ---------------------------------------------------------------- Markdown


def test_markdown_becomes_plain_text(tmp_path: Path) -> None:
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
def test_markdown_title(tmp_path: Path, source: str, title: str) -> None:
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
def test_markdown_of_documentation_generators(tmp_path: Path, source: str, text: str) -> None:
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
def test_markdown_loses_no_text(tmp_path: Path, source: str, text: str) -> None:
    assert one(tmp_path, "a.md", source).text == text


def test_root_prompts_are_no_headings_where_the_text_opens_below_them(tmp_path: Path) -> None:
    document = one(
        tmp_path, "a.md", "## 6.2. Tools\n\nRun:\n\n# apt update\n# apt upgrade\n\nDone.\n\n### More\n\nx"
    )
    assert document.title == "6.2. Tools"
    assert document.text.count("```") == 2
    assert "```\n# apt update\n# apt upgrade\n```" in document.text


@pytest.mark.parametrize("front", ["a: [1", "a: &x [1]\nb: *x", "a: 2024-99-99"])
def test_front_matter_that_cannot_be_read_stays_in_the_text(tmp_path: Path, front: str) -> None:
    document = one(tmp_path, "a.md", f"---\n{front}\n---\nBody")
    assert front in document.text
    assert document.text.endswith("Body")
    assert document.metadata == {"path": "a.md"}


def test_front_matter_keeps_its_types_and_dates_become_iso_text(tmp_path: Path) -> None:
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
def test_front_matter_makes_no_objects(tmp_path: Path, front: str) -> None:
    assert one(tmp_path, "a.md", f"---\n{front}\n---\nBody").metadata == {"path": "a.md"}


def test_rules_that_are_no_front_matter(tmp_path: Path) -> None:
    document = one(tmp_path, "a.md", "---\n\njust words\n\n---\n\nBody")
    assert document.text == "just words\n\nBody"


BLOCKS = ["", "!!! note", "??? tip \"T\"", "/// tip", "///", "//// tab | T", "////", "::: warning",
          ":::{note} T", ":::", "::: a.b.c", "=== \"T\"", "> [!NOTE] T", "> ", "- ", "1. ", "[^a]: ", ": ",
          "```{note}", "```", "# ", "<div>", "</div>", "<td>", "{% x %}", "[TOC]", "---", "| a | b |", "|---|---|",
          "{: .x }", "$$"]  # fmt: skip


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


# ---------------------------------------------------------------- other single texts


def test_rst(tmp_path: Path) -> None:
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


def test_rst_literals_are_literal(tmp_path: Path) -> None:
    source = "``fetch <mirror>``, ``*args, **kw``, ``a\\b`` and `a link <x>`_, *but* this is \\*not*."
    assert (
        one(tmp_path, "a.rst", source).text
        == "fetch <mirror>, *args, **kw, a\\b and a link, but this is *not*."
    )


def test_text_is_kept_as_it_is(tmp_path: Path) -> None:
    document = one(tmp_path, "read-me_first.txt", "\ufeff  indented\r\nline  two\r\n\r\n\r\n# x *y* <b>\r\n")
    assert document.text == "  indented\nline  two\n\n\n# x *y* <b>"
    assert document.title == "read me first"


PAGE = """<!doctype html><html><head><title>Install guide | Acme</title>
<script>var x = "<p>no</p>"</script></head>
<body>
<header><a href="/">Acme home</a></header><nav><ul><li>Menu one</li><li>Menu two</li></ul></nav>
{open}<h1>Install guide</h1>
<p>Use the <code>&lt;div&gt;</code> tag, *then* <b>restart</b> the machine so that every
change that was made to the configuration takes effect, which may take a minute or two on a slow disk.</p>
<h2>Linux<a class="headerlink" href="#linux">¶</a></h2>
<ul><li>First <a href="/x">download</a></li><li>Unpack</li></ul>
<pre><code># a comment
x  =  1
</code></pre><table><tr><th>Key</th><th>Value</th></tr><tr><td>port</td><td>8080</td></tr></table>
<p>The server then listens on the port that was given in the table above, unless another program has
taken it.</p>
{close}
<footer>Copyright Acme, legal notice</footer></body></html>"""


@pytest.mark.parametrize("tag", ["main", "article", "div"])
def test_html(tmp_path: Path, tag: str) -> None:
    document = one(tmp_path, "a.html", PAGE.replace("{open}", f"<{tag}>").replace("{close}", f"</{tag}>"))
    assert document.title == "Install guide"
    text = document.text
    for gone in ("Menu", "home", "Copyright", "var x", "¶", "<code>", "**"):
        assert gone not in text
    for kept in (
        "# Install guide\n",
        "<div> tag, *then* restart",
        "## Linux\n",
        "- First download\n",
        "# a comment\nx",
    ):
        assert kept in text
    assert text.count("```") == 2
    assert "Key | Value\nport | 8080" in text
    assert text.index("Linux") < text.index("Unpack") < text.index("8080") < text.index("listens")


@pytest.mark.parametrize(
    ("source", "title", "text"),
    [
        ("<title>Tiny</title><nav>Menu</nav><p>One line.</p>", "Tiny", "One line."),
        ("<h1>Head</h1><p>One &lt;b&gt; line.<!-- no -->", "Head", "# Head\n\nOne <b> line."),
        ("<p>Just a fragment</p><![if x]><![broken", "a", "Just a fragment\n\nbroken"),
        ("words without any tag", "a", "words without any tag"),
        ("<div role=main>In</div><div>Out</div>", "a", "In"),
        ("<main><div role=search><div>Find</div></div>In</main><p>Out", "a", "In"),
        ("<form id=all><header>Site</header><p>In a form", "a", "In a form"),
        ("<!--[if !IE]><!--><p>All<!--<![endif]--> of it</p><!-- never ended <p>no", "a", "All of it"),
    ],
)
def test_short_html(tmp_path: Path, source: str, title: str, text: str) -> None:
    document = one(tmp_path, "a.htm", source)
    assert (document.title, document.text) == (title, text)


def test_html_cells_items_and_code_that_hold_other_blocks(tmp_path: Path) -> None:
    source = (
        "<ul><li><p>one</p><p>more</p><li><h3>Two</h3>x<li></li></ul><h2></h2>"
        "<table><tr><th>A<th><th>C</tr><tr><td><p>1</p></td><td><p>2</p></td></tr><tr><td></td></tr></table>"
        "<ol><li><pre>a\n  <b>b</b><br># c</pre></ol><table><tr><td><pre>1</pre><td><pre>x</pre></table>end"
    )
    assert one(tmp_path, "a.html", source).text == (
        "- one\n\nmore\n\n### Two\n\nx\n\nA | | C\n1 | 2\n\n"
        "```\na\n  b\n# c\n```\n\n```\n1\n```\n\n```\nx\n```\n\nend"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        # notes and footnotes within the content, and those that say what they are
        ("<main>One.<aside><p>Note.</p><aside>Deep.</aside></aside></main><aside>Ad</aside>",
         "One.\n\nNote.\n\nDeep."),
        ("<article>One.<div role=complementary>Note.</div></article><div role=complementary>Ad</div>",
         "One.\n\nNote."),
        ("<aside>Ad</aside><p>One.<aside role=doc-footnote>A footnote.</aside>", "One.\n\nA footnote."),
        ("<main><blockquote>Words.<footer>Their author</footer></blockquote><footer>Site</footer></main>",
         "Words.\n\nTheir author"),
        # a card that is a small part of the page is not the whole of it; an article that is most of it is
        ("<div>The page's own text, in a div.</div><article>A card</article>",
         "The page's own text, in a div.\n\nA card"),
        ("<div>Sidebar</div><article>The page's own text</article>", "The page's own text"),
        ("<main> </main><p>Beside an empty main", "Beside an empty main"),
        # what is hidden within what is hidden, and within code
        ("<nav>a<nav>b</nav>c</nav><button>d<svg><title>e</title></svg></button>One.", "One."),
        ("<pre>x <button>Copy<b>!</b></button>= 1</pre>", "```\nx = 1\n```"),
        ("<div>" * 3000 + "Deep.", "Deep."),
    ],
)  # fmt: skip
def test_html_keeps_the_content_and_only_that(tmp_path: Path, source: str, text: str) -> None:
    assert one(tmp_path, "a.html", source).text == text


def test_the_title_of_a_drawing_is_not_that_of_the_page(tmp_path: Path) -> None:
    assert one(tmp_path, "a.html", "<svg><title>Icon</title></svg><title>Page</title><p>x").title == "Page"


def test_html_of_another_format_keeps_cells_apart_and_unknown_tags(tmp_path: Path) -> None:
    table = "<table>\n<tr>\n\n<td>a</td><td>b</td>\n\n</tr></table>"
    source = f"{table}\n\n<div>\nA <Your-Name> in <!-- <x> --> it\n</div>"
    assert one(tmp_path, "a.md", source).text == "a | b\n\nA <Your-Name> in it"


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("iso-8859-1", b"Don\x92t \x96 ever", "Don\u2019t \u2013 ever"),
        ("iso-8859-1", b"\x81", "\x81"),
        ("us-ascii", b"\x80 5", "\u20ac 5"),
        ("gb2312", "\u9555".encode("gbk"), "\u9555"),
        ("shift_jis", "\u2460".encode("cp932"), "\u2460"),
        ("utf-8", "bl\u00e5".encode(), "bl\u00e5"),
        ("iso-8859-1", "bl\u00e5".encode("latin-1"), "bl\u00e5"),
        ("no-such", "bl\u00e5".encode(), "bl\u00e5"),
    ],
)
def test_labels_of_encodings_mean_what_browsers_take_them_for(
    tmp_path: Path, label: str, data: bytes, text: str
) -> None:
    source = f'<meta charset="{label}"><p>'.encode() + data
    assert one(tmp_path, "a.html", source).text == text


def test_html_in_its_declared_encoding(tmp_path: Path) -> None:
    source = '<meta charset="iso-8859-1"><p>Blåbærsyltetøy</p>'.encode("latin-1")
    assert one(tmp_path, "a.html", source).text == "Blåbærsyltetøy"


def test_pdf(tmp_path: Path) -> None:
    document = one(
        tmp_path, "my-file.pdf", make_pdf("The docu-\nmentation of ASCII-\nArt.", "Page two", title="A title")
    )
    assert document.text == "The documentation of ASCII-\nArt.\n\nPage two"
    assert document.title == "A title"
    assert document.metadata == {"path": "my-file.pdf", "pages": 2}
    assert one(tmp_path, "my-file.pdf", make_pdf("x", title="Microsoft Word - x.docx")).title == "my file"


def test_encrypted_pdf(tmp_path: Path) -> None:
    import pypdf

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf("secret")))
    writer.encrypt("password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert refused(tmp_path, "a.pdf", out.getvalue()) == "encrypted PDF"


# ---------------------------------------------------------------- rows


def test_json_shapes(tmp_path: Path) -> None:
    rows = [
        "plain",
        {"content": "c", "title": "T", "id": 7, "lang": "en"},
        {"text": "t"},
        {"Body": "b", "n": None},
    ]
    reading = many(tmp_path, "a.json", rows)
    assert [(each.id, each.text, each.title) for each in reading.documents] == [
        ("a.json#1", "plain", ""),
        ("7", "c", "T"),
        ("a.json#3", "t", ""),
        ("a.json#4", "b", ""),
    ]
    assert reading.documents[1].metadata == {"path": "a.json", "lang": "en"}
    assert reading.documents[3].metadata == {"path": "a.json", "n": None}
    assert not reading.skipped


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ({"document": "only one", "tags": ["x"]}, ["only one"]),
        ({"name": "faq", "items": [{"text": "a"}, {"text": "b"}]}, ["a", "b"]),
        ({"tags": ["x", "y"], "rows": [{"body": "a"}]}, ["a"]),
        ({"texts": ["a", "b"]}, ["a", "b"]),
        (
            [
                {"query": "q", "positive_document": "p", "negative_documents": ["n", {"document": "m"}]},
                {"query": "r", "positive_document": "n", "negative_documents": None},
                {"query": "s", "positive_document": "o"},
            ],
            ["p", "n", "m", "o"],
        ),
        ({"train": [{"query": "q", "positive_document": "p", "negative_documents": []}]}, ["p"]),
        (["emoji \U0001f600 \ud800 lone"], ["emoji \U0001f600 \ufffd lone"]),
        ([{"title": "Only a title", "text": ""}], ["Only a title"]),
    ],
)
def test_json_objects_and_training_files(tmp_path: Path, value: object, texts: list[str]) -> None:
    assert [each.text for each in many(tmp_path, "a.json", value).documents] == texts


def test_rows_of_another_shape_are_reported(tmp_path: Path) -> None:
    rows = ["ok", {"a": 1, "b": 2}, 5, " ", {"text": ""}, {"text": "fine"}, None]
    reading = many(tmp_path, "a.json", rows)
    assert [each.id for each in reading.documents] == ["a.json#1", "a.json#6"]
    assert [each.reason for each in reading.skipped] == [
        "row 2: no text in it (keys: a, b)",
        "row 3: a int, not a document",
        "row 4: empty text",
        "row 5: empty text (keys: text)",
        "row 7: a NoneType, not a document",
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_jsonl(tmp_path: Path, name: str) -> None:
    lines = ['{"_id": "d1", "title": "T", "text": "x"}', "", '"a \u2028 string"', '{"text": "y"}', '{"x": 1}']
    reading = many(tmp_path, name, "\n".join(lines))
    assert [(each.id, each.text) for each in reading.documents] == [
        ("d1", "x"),
        (f"{name}#2", "a \u2028 string"),
        (f"{name}#3", "y"),
    ]
    assert reading.skipped[0].reason == "row 4: no text in it (keys: x)"
    broken = many(tmp_path, "b.jsonl", '{"text": "x"}\n{oops\n')
    assert len(broken.documents) == 1
    assert broken.skipped[0].reason.startswith("row 2: broken JSON")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv(tmp_path: Path, delimiter: str) -> None:
    rows = [["Doc_ID", "Text", "Title", "lang"], ["d1", '"two\nlines"', "T", "no"], ["", "x", "", ""], [""]]
    reading = many(tmp_path, "a.csv", "\r\n".join(delimiter.join(row) for row in rows))
    first, second = reading.documents
    assert (first.id, first.text, first.title, first.metadata) == (
        "d1",
        "two\nlines",
        "T",
        {"path": "a.csv", "lang": "no"},
    )
    assert (second.id, second.text, second.metadata) == ("a.csv#2", "x", {"path": "a.csv"})


def test_csv_without_a_text_column(tmp_path: Path) -> None:
    (document,) = many(tmp_path, "a.csv", "id,name,price,price\n9,Chair,10,20\n").documents
    assert (document.id, document.text) == ("9", "id: 9\nname: Chair\nprice: 10\nprice 4: 20")


def test_csv_oddities(tmp_path: Path) -> None:
    texts = [each.text for each in many(tmp_path, "a.csv", "text\nOne, two, three\nFour\n").documents]
    assert texts == ["One, two, three", "Four"]
    assert len(many(tmp_path, "b.csv", f"text,n\n{'x' * 300_000},1\n").documents[0].text) == 300_000
    texts = [each.text for each in many(tmp_path, "c.tsv", 'id\ttext\n1\t"5 inch disk\n2\tother\n').documents]
    assert texts == ['"5 inch disk', "other"]
    questions = many(tmp_path, "d.csv", "question,answer\nWhy?,Because\n").documents[0]
    assert (questions.text, questions.title) == ("Because", "Why?")


# ---------------------------------------------------------------- folders


def test_folder_is_read_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/b/c.txt", ".hidden/x.txt", ".x.txt", "B.TXT"):
        write(tmp_path, f"docs/{name}", name)
    reading = read_documents(tmp_path / "docs")
    assert [each.id for each in reading.documents] == ["B.TXT", "a/b/c.txt", "a/z.md", "b.txt"]
    assert reading.documents[1].metadata == {"path": "a/b/c.txt"}
    assert not reading.skipped
    (tmp_path / "docs").rename(tmp_path / ".docs")
    assert len(read_documents(tmp_path / ".docs").documents) == 4


def test_links_make_neither_loops_nor_copies(tmp_path: Path) -> None:
    write(tmp_path, "outside/o.txt", "o")
    write(tmp_path, "sibling.txt", "not below")
    write(tmp_path, "docs/z/a.txt", "a")
    for name, target in (
        ("loop", "."),
        ("up", ".."),
        ("a-same", "z"),
        ("out", "../outside"),
        ("copy.txt", "z/a.txt"),
    ):
        (tmp_path / "docs" / name).symlink_to(target)
    (tmp_path / "docs" / "dead.txt").symlink_to("nowhere.txt")
    reading = read_documents(tmp_path / "docs")
    assert [each.id for each in reading.documents] == ["out/o.txt", "z/a.txt"]
    assert [(each.path, each.reason) for each in reading.skipped] == [("dead.txt", "link that leads nowhere")]


def test_ids_are_unique_and_nothing_is_dropped(tmp_path: Path) -> None:
    rows = [
        {"id": "x", "text": "1"},
        {"id": "x", "text": "2"},
        {"id": "b.txt", "text": "3"},
        {"id": "a.json#2", "text": "4"},
    ]
    write(tmp_path, "a.json", json.dumps(rows))
    write(tmp_path, "b.txt", "5")
    write(tmp_path, "c.jsonl", '{"id": "x", "text": "6"}')
    documents = read_documents(tmp_path).documents
    assert [each.id for each in documents] == ["x", "a.json#2", "b.txt", "a.json#4", "b.txt-2", "c.jsonl#1"]
    assert [each.text for each in documents] == list("123456")


@given(
    st.lists(st.sampled_from(["", "x", "a.json#1", "a.json#2", "a.json#2-2", "x-2"]), min_size=1, max_size=9)
)
@settings(max_examples=50, deadline=None)
def test_ids_are_unique_whatever_the_rows_say(
    tmp_path_factory: pytest.TempPathFactory, own: list[str]
) -> None:
    rows = [{"id": each, "text": str(number)} for number, each in enumerate(own)]
    documents = many(tmp_path_factory.mktemp("ids"), "a.json", rows).documents
    assert [each.text for each in documents] == [row["text"] for row in rows]
    assert len({each.id for each in documents}) == len(rows)


def test_max_documents(tmp_path: Path) -> None:
    write(tmp_path, "a.json", '["1", "2", "3"]')
    write(tmp_path, "b.txt", "4")
    assert [each.text for each in read_documents(tmp_path, max_documents=2).documents] == ["1", "2"]
    assert len(read_documents(tmp_path, max_documents=9).documents) == 4
    with pytest.raises(InputError, match="--max-documents must be above 0, got 0"):
        read_documents(tmp_path, max_documents=0)


def test_queries_of_a_collection_are_no_documents(tmp_path: Path) -> None:
    write(tmp_path, "corpus.jsonl", '{"_id": "d", "text": "x"}')
    write(tmp_path, "queries.jsonl", '{"_id": "q", "text": "y"}')
    write(tmp_path, "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq\td\t1\n")
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["d"]
    assert [each.path for each in reading.skipped] == ["qrels", "queries.jsonl"]


# ---------------------------------------------------------------- what is left out


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.png", b"x", "ending .png is not supported"),
        ("README", b"x", "has no ending that tells its format"),
        ("a.txt", b"", "empty file"),
        ("a.md", b" \n ", "empty file"),
        ("a.md", b"<!-- only a comment -->", "no text in it"),
        ("a.html", b"<html><body></body></html>", "no text in it"),
        ("a.txt", "Blåbær".encode("latin-1"), "not UTF-8 (byte 2; convert it: iconv -t utf-8)"),
        ("a.txt", "words".encode("utf-16"), "UTF-16, not UTF-8 (convert it: iconv -f utf-16 -t utf-8)"),
        ("a.md", b"\x00\x01\x02", "binary, not text (it has NUL bytes)"),
        ("a.json", b"[]", "an empty list"),
        ("a.json", b"3", "JSON int, not a list of documents"),
        ("a.json", b'{"a": 1, "b": [2]}', "no list of documents in it (keys: a, b)"),
        ("a.csv", b"text,id\n", "no rows below the header"),
        ("a.csv", b"text,id\n,7\n", "row 1: empty text (keys: id)"),
        (
            "a.html",
            b'<meta charset="undefined"><p>x',
            "declares the encoding 'undefined', which is none of text",
        ),
        ("a.pdf", make_pdf(""), "PDF without extractable text (scanned? 1 pages)"),
    ],
)
def test_skipped_with_a_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    assert refused(tmp_path, name, content) == reason


@pytest.mark.parametrize(
    ("name", "content", "opening"),
    [
        ("a.json", b'{"a": ', "broken JSON (Expecting value"),
        ("a.json", b"[" * 100_000, "broken JSON ("),
        ("a.pdf", b"%PDF-1.4 broken", "broken PDF ("),
        ("a.pdf", b"no pdf at all", "broken PDF ("),
        ("a.pdf", make_pdf("x")[:300], "broken PDF ("),
    ],
)
def test_skipped_as_broken(tmp_path: Path, name: str, content: bytes, opening: str) -> None:
    assert refused(tmp_path, name, content).startswith(opening)


def test_unreadable_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "good.txt", "good")
    write(tmp_path, "locked.txt", "x")
    write(tmp_path, "shut/in.txt", "x")
    read_bytes, scandir = Path.read_bytes, os.scandir

    def read(path: Path) -> bytes:
        if path.name == "locked.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    def scan(path: Path) -> object:
        if path.name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    monkeypatch.setattr(os, "scandir", scan)
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["good.txt"]
    assert {each.path: each.reason for each in reading.skipped} == {
        "locked.txt": "cannot be read (permission denied)",
        "shut": "folder cannot be read (permission denied)",
    }


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder") as caught:
        read_documents(tmp_path / "missing")
    assert ".md" in caught.value.hint
    with pytest.raises(InputError, match=re.escape("ending .docx is not supported")) as caught:
        read_documents(write(tmp_path, "a.docx", "x"))
    assert ".pdf" in caught.value.hint
    with pytest.raises(InputError, match="1 file seen; e.md: empty file"):
        read_documents(write(tmp_path, "e.md", ""))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no documents in .*0 files seen") as caught:
        read_documents(tmp_path / "empty")
    assert caught.value.hint.startswith("supported endings: .csv .htm")
    for number in range(5):
        write(tmp_path, f"bad/{number}.png", "x")
    with pytest.raises(InputError, match="5 files seen; 0.png: ending .png is not supported; .*; and 2 more"):
        read_documents(tmp_path / "bad")


# ---------------------------------------------------------------- one at a time


def test_a_file_is_opened_when_its_turn_comes(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.jsonl"):
        write(tmp_path, name, '{"text": "x"}')
    found = iterate_documents(tmp_path)
    first = next(found)
    assert isinstance(first, Document) and first.id == "a.txt"
    (tmp_path / "b.txt").unlink()
    write(tmp_path, "c.jsonl", '{"id": "changed", "text": "y"}')
    skipped, last = found
    assert skipped == Skipped("b.txt", "cannot be read (no such file or directory)")
    assert isinstance(last, Document) and (last.id, last.text) == ("changed", "y")


def test_a_jsonl_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"id": "1", "text": "one"}\n{"id": "2", "text": "two"}\n')
    found = iterate_documents(path)
    first = next(found)
    assert isinstance(first, Document) and first.id == "1"
    with open(path, "a") as out:
        out.write('{"id": "3", "text": "three"}\n')
    assert [each.id for each in found if isinstance(each, Document)] == ["2", "3"]


def test_a_long_jsonl_file_is_not_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    line = json.dumps({"text": "word " * 10_000})
    path = write(tmp_path, "a.jsonl", "\n".join([line] * 200))
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in iterate_documents(path)) == 200
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_what_is_read_one_at_a_time_is_what_is_read_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", '{"id": "x", "text": "1"}\n3\n\n{"id": "x", "text": "2"}\n{"n": 1}\n')
    write(tmp_path, "b.png", b"x")
    write(tmp_path, "c.md", "# T\n\ntext")
    write(tmp_path, "d.json", '["3", ""]')
    (tmp_path / "dead.txt").symlink_to("nowhere.txt")
    reading, found = read_documents(tmp_path), list(iterate_documents(tmp_path))
    assert [each for each in found if isinstance(each, Document)] == reading.documents
    assert [each for each in found if isinstance(each, Skipped)] == reading.skipped
    assert [each.id for each in reading.documents] == ["x", "a.jsonl#3", "c.md", "d.json#1"]
    assert [each.path for each in reading.skipped] == ["dead.txt", "a.jsonl", "a.jsonl", "b.png", "d.json"]


def test_that_there_was_nothing_is_told_at_the_end(tmp_path: Path) -> None:
    write(tmp_path, "a.png", b"x")
    found = iterate_documents(tmp_path)
    assert next(found) == Skipped("a.png", "ending .png is not supported")
    with pytest.raises(InputError, match="no documents in .*1 file seen; a.png"):
        next(found)


JSONL = (
    '{"id": "1", "text": "bl\u00e5b\u00e6r"}\n\n{"id": "2", "text": "two \u2028 \u0085 lines"}\n'
    '{"id": "3", "text": "x"}'
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n \n"])
def test_line_ends_and_byte_order_marks(end: str, bom: bytes, last: str, tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", bom + (JSONL + last).replace("\n", end).encode())
    reading = read_documents(path)
    assert [(each.id, each.text) for each in reading.documents] == [
        ("1", "bl\u00e5b\u00e6r"), ("2", "two \u2028 \u0085 lines"), ("3", "x"),
    ]  # fmt: skip
    assert reading.skipped == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"text": "bl\xe5"}', "not UTF-8 (byte 12; convert it: iconv -t utf-8)"),
        (b'{"text": "\x00"}', "binary, not text (it has NUL bytes)"),
    ],
)
def test_a_line_of_a_jsonl_file_that_is_no_text(bad: bytes, reason: str, tmp_path: Path) -> None:
    before = JSONL.encode() + b"\n"
    reading = read_documents(write(tmp_path, "a.jsonl", before + bad + b'\n{"id": "4", "text": "y"}\n'))
    assert [each.id for each in reading.documents][:3] == ["1", "2", "3"]
    (skipped,) = reading.skipped
    assert skipped.path == "a.jsonl"
    assert skipped.reason == f"row 4: {reason}"


@pytest.mark.parametrize("bad", [b'{"text": "bl\xe5"}', b'{"text": "\x00"}'])
def test_a_line_that_is_no_text_does_not_stop_those_after_it(bad: bytes, tmp_path: Path) -> None:
    reading = read_documents(
        write(tmp_path, "a.jsonl", b'{"id": "1", "text": "x"}\n' + bad + b'\n{"id": "3", "text": "y"}')
    )
    assert [each.id for each in reading.documents] == ["1", "3"]


# ---------------------------------------------------------------- real folders


@pytest.mark.parametrize(("folder", "least"), [("docs-fastapi", 150), ("docs-debian-handbook/en-US", 120)])
def test_real_documentation(folder: str, least: int) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"{folder} is not on this machine")
    reading = read_documents(DATA / folder)
    assert len(reading.documents) >= least
    assert len({each.id for each in reading.documents}) == len(reading.documents)
    for document in reading.documents:
        assert document.title
        assert not document.title.startswith("#")
        outside = re.sub(r"(?ms)^ *(`{3,}).*?^ *\1$", "", document.text)
        assert not re.search(r"(?m)^/{3}|\{ #|^\{\*|</(?:div|span|font|p)>|\]\(http", outside), document.id
        source = (DATA / folder / document.metadata["path"]).read_text(encoding="utf-8")
        # Front matter, addresses, tags, attributes and the lines that open admonitions or code are no text.
        shown = re.sub(r"\A---\n.*?^---$", " ", source, flags=re.DOTALL | re.MULTILINE)
        shown = re.sub(r"\]\([^)\n]*\)|<[^>\n]*>|\{[^}\n]*\}|(?m:^ *(?:/|`{3}).*$)", " ", shown)
        lost = set(re.findall(r"[a-z]{4,}", shown)) - set(re.findall(r"[a-z]{4,}", document.text))
        assert len(lost) <= 2, (document.id, lost)
