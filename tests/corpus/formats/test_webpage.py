"""Web pages: their content and title, and nothing of what stands around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.formats import TEXT_READERS

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
def test_html(tmp_path: Path, tag: str, one: Any) -> None:
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
def test_short_html(tmp_path: Path, source: str, title: str, text: str, one: Any) -> None:
    document = one(tmp_path, "a.htm", source)
    assert (document.title, document.text) == (title, text)


def test_html_cells_items_and_code_that_hold_other_blocks(tmp_path: Path, one: Any) -> None:
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
        ("<p>One." + "<aside>" * 3000 + "Deep.", "One."),
        ("<header>Site</header><main><header role=banner>No</header><header>Yes</header></main>", "Yes"),
        ("<ul role=navigation><li>Menu</ul><p><span role=search>Find</span> it", "Find it"),
    ],
)  # fmt: skip
def test_html_keeps_the_content_and_only_that(tmp_path: Path, source: str, text: str, one: Any) -> None:
    assert one(tmp_path, "a.html", source).text == text


def test_the_title_of_a_drawing_is_not_that_of_the_page(tmp_path: Path, one: Any) -> None:
    assert one(tmp_path, "a.html", "<svg><title>Icon</title></svg><title>Page</title><p>x").title == "Page"


def test_html_of_another_format_keeps_cells_apart_and_unknown_tags(tmp_path: Path, one: Any) -> None:
    table = "<table>\n<tr>\n\n<td>a</td><td>b</td>\n\n</tr></table>"
    source = f"{table}\n\n<div>\nA <Your-Name> in <!-- <x> --> it\n</div>"
    assert one(tmp_path, "a.md", source).text == "a | b\n\nA <Your-Name> in it"


@pytest.mark.parametrize("tag", ["aside", "main", "div role=navigation", "pre"])
def test_deep_pages_take_no_quadratic_time(tag: str) -> None:
    """10,000 elements inside one another: searching up to the root from each would show."""
    prose = TEXT_READERS[".html"](f"<{tag}>" * 10_000 + "Deep.")
    assert prose.text in ("", "Deep.", "- Deep.", "```\nDeep.\n```")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        # what DocBook, Texinfo and pages by hand put above and below a chapter
        ('<div class="navheader"><table><tr><td><a accesskey="p" href="a">Prev</a></td><td>Chapter 2</td><td>'
         '<a accesskey="n" href="b">Next</a></td></tr></table><hr></div><h1>Two</h1><p>Words</p>', "# Two\n\nWords"),
        ('<p>Next: <a href="a" rel="next">Three</a>, Previous: <a href="b" rel="prev">One</a>, Up: '
         '<a href="c" rel="up">Top</a> &nbsp; [<a href="d">Contents</a>]</p><h1>Two</h1><p>Words</p>',
         "# Two\n\nWords"),
        ('<p>Words</p><center><a href="a">Prev</a> | <a href="b">Up</a> | <a href="c">Next</a></center>', "Words"),
        ('<p>Words</p><ul><li><a href="a">\u2190 Previous</a></li><li><a href="b">Next \u2192</a></li></ul>', "Words"),
        # what is content, although it says next
        ('<p>See the <a href="a">next</a> chapter.</p>', "See the next chapter."),
        ('<p>Go <a href="a">up</a> or <a href="b">back</a>. ' + "And so on. " * 40 + "</p>",
         "Go up or back. " + ("And so on. " * 40).strip()),
        ('<p>Go <a href="a">up</a> or <a href="b">back</a>.</p>', "Go up or back."),
        ('<div><h2>Two</h2><a href="a">Next</a> <a href="b">Up</a></div>', "## Two\n\nNext Up"),
        # signs that link to their own heading, term or paragraph
        ('<h2><a href="#a" class="anchor">#</a> Head</h2><dl><dt>term<a class="headerlink" href="#t">\u00b6</a></dt>'
         '<dd>its meaning</dd></dl><p>Text <a href="#x">[link]</a> and <a href="#y">#5</a></p>',
         "## Head\n\nterm\n\nits meaning\n\nText and #5"),
    ],
)  # fmt: skip
def test_links_that_only_lead_through_pages_are_no_content(
    tmp_path: Path, source: str, text: str, one: Any
) -> None:
    assert one(tmp_path, "a.html", source).text == text
