"""AsciiDoc, Org, LaTeX and XML: headings, lists, tables and code kept, marks and what is not shown gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_asciidoc(tmp_path: Path, one: Any) -> None:
    source = (
        "= Install *Guide*\n:product: Acme\n\nUse {product}, `code`, *bold*, _it_, https://x.example[the page].\n"
        "See <<sec,Section two>> or xref:a.adoc[A]. kbd:[Ctrl+C]\n\n// a comment\n////\nhidden\n////\n\n"
        "[[sec]]\n== Section two\n\n* one\n** deep\n. first\n\nterm:: its meaning\n\n.A title\n"
        "[source,python]\n----\nx = 1 # <1>\n# no heading\n----\n<1> A callout\n\nNOTE: Take care.\n\n"
        "[WARNING]\n====\nHot.\n====\n\n|===\n|Key |Value\n\n|port |80\n|host\n|local\n|===\n\n"
        "image::d.png[A diagram,300]\n....\nliteral *text*\n....\n\nOld title\n---------\n\n indented\n"
    )
    document = one(tmp_path, "a.adoc", source)
    assert document.title == "Install Guide"
    assert document.text == (
        "# Install Guide\n\nUse Acme, code, bold, it, the page.\nSee Section two or A. Ctrl+C\n\n"
        "## Section two\n\n- one\n  - deep\n1. first\n\nterm\n: its meaning\n\nA title\n\n"
        "```python\nx = 1\n# no heading\n```\n\n<1> A callout\n\nNOTE: Take care.\n\nWarning:\nHot.\n\n"
        "Key | Value\nport | 80\nhost | local\n\nA diagram\n\n```\nliteral *text*\n```\n\n## Old title\n\n"
        "```\nindented\n```"
    )


def test_org(tmp_path: Path, one: Any) -> None:
    source = (
        "#+TITLE: My Notes\n#+OPTIONS: toc:nil\n\n* TODO [#A] First :tag:work:\n:PROPERTIES:\n:ID: 1\n:END:\n"
        "DEADLINE: <2024-01-01>\nWords *bold* /it/ =code= ~x=1~ and [[https://x.example][a link]], a/b/c.\n"
        "** Second\n# comment\n- item\n+ item two\n| Key | Value |\n|-----+-------|\n| port | 80 |\n"
        "#+BEGIN_SRC python\n# a\n,* b\n#+END_SRC\n#+begin_quote\nA quote.\n#+end_quote\n: literal\n"
        "#+BEGIN_COMMENT\nhidden\n#+END_COMMENT\n"
    )
    document = one(tmp_path, "a.org", source)
    assert document.title == "My Notes"
    assert document.text == (
        "# First\n\nWords bold it code x=1 and a link, a/b/c.\n\n## Second\n\n- item\n- item two\n"
        "Key | Value\nport | 80\n\n```python\n# a\n* b\n```\n\nA quote.\n\n```\nliteral\n```"
    )


def test_arguments_of_an_unknown_command_are_words(tmp_path: Path, one: Any) -> None:
    assert one(tmp_path, "a.tex", "A \\role{red}{apple} falls.").text == "A red apple falls."


def test_tex(tmp_path: Path, one: Any) -> None:
    source = (
        "\\documentclass[a4paper]{article}\n\\usepackage[utf8]{inputenc}\n\\title{On \\emph{Rivers}}\n% no\n"
        "\\begin{document}\n\\maketitle\n\\section{Intro\\label{sec:i}} Water\\footnote{Wet.} flows "
        "\\textbf{down \\emph{hills}}, see~\\cite{a}. 50\\% of \\{it\\} --- ``all''.\n% no\n"
        "More caf\\'e, na\\\"{\\i}ve, \\c{c}a, \\o re. $a^2 + b_1$\n"
        "\\begin{itemize}\n\\item One\n\\item[Two] two words\n\\begin{enumerate}\n\\item deep\n"
        "\\end{enumerate}\n\\end{itemize}\n\\subsection*{Code}\n"
        "\\begin{lstlisting}[language=Python]\nx = 1 % kept\n\\end{lstlisting}\n"
        "Inline \\verb|a_b %|. \\href{https://x.example}{A link}.\n"
        "\\begin{table}\\caption{A table}\n\\begin{tabular}{l|r}\n\\hline\nKey & Value \\\\\nport & 80 \\\\\n"
        "\\end{tabular}\\end{table}\n\\end{document}\nhidden"
    )
    document = one(tmp_path, "a.tex", source)
    assert document.title == "On Rivers"
    assert document.text == (
        "## Intro\n\nWater Wet. flows down hills, see . 50% of {it} \u2014 \u201call\u201d.\n"
        "More caf\u00e9, na\u00efve, \u00e7a, \u00f8re. $a^2 + b_1$\n\n- One\n- Two: two words\n\n  - deep\n\n"
        "### Code\n\n```Python\nx = 1 % kept\n```\n\nInline a_b %. A link.\n\nA table\n\n"
        "Key | Value\nport | 80"
    )


XML = (
    '<?xml version="1.0"?>\n<!DOCTYPE book [<!ENTITY prod "Acme">]>\n'
    '<book xmlns="http://docbook.org/ns/docbook"><title>The &prod; book</title><chapter>'
    "<title>One &amp; two</title><para>Words <emphasis>here</emphasis>&nbsp;and &prod;.</para>"
    "<programlisting>x = 1\n  y</programlisting><itemizedlist><listitem><para>one</para></listitem>"
    "</itemizedlist><table><row><entry>a</entry><entry>b</entry></row></table><!-- no -->"
    "<section><title>Deep</title><para>In.</para></section></chapter></book>"
)


def test_xml(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "a.xml", XML)
    assert document.title == "The Acme book"
    assert document.text == (
        "# The Acme book\n\n## One & two\n\nWords here and Acme.\n\n```\nx = 1\n  y\n```\n\n- one\n\na | b\n\n"
        "### Deep\n\nIn."
    )


def test_xml_in_the_encoding_that_it_declares(tmp_path: Path, one: Any) -> None:
    source = '<?xml version="1.0" encoding="iso-8859-1"?><p>Bl\u00e5b\u00e6r</p>'.encode("latin-1")
    assert one(tmp_path, "a.xml", source).text == "Bl\u00e5b\u00e6r"


def test_entities_of_xml_do_not_grow(tmp_path: Path, one: Any) -> None:
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    document = one(tmp_path, "a.xml", f'<!DOCTYPE a [<!ENTITY a0 "ha">{laughs}]><a>words &a9; &a0;</a>')
    assert document.text == "words " + "&a8;" * 10 + " ha"
    (tmp_path / "secret.txt").write_text("secret")
    outside = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]><a>words &x;</a>'
    assert one(tmp_path, "b.xml", outside).text == "words &x;"


@pytest.mark.parametrize("source", ["<a><b>", "<a>" * 300 + "</a>" * 300, "no xml"])
def test_xml_that_is_none_is_skipped(tmp_path: Path, source: str, refused: Any) -> None:
    reason = refused(tmp_path, "a.xml", source)
    assert reason.startswith(("broken XML (", "nested deeper than 200 levels"))


def test_xhtml(tmp_path: Path, one: Any) -> None:
    source = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><script src="a"/>'
        '<title>T</title></head><body><a id="x"/><h1>Head</h1><p>Words<br/>more</p></body></html>'
    )
    document = one(tmp_path, "a.xhtml", source)
    assert (document.title, document.text) == ("T", "# Head\n\nWords\nmore")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.adoc", "words\n\ninclude::part.adoc[]\n"),
        ("a.org", 'words\n#+INCLUDE: "part.adoc"\n'),
        ("a.tex", "words \\input{part.adoc}\n"),
        ("a.rst", "words\n\n.. include:: part.adoc\n"),
        ("a.rst", "words\n\n.. literalinclude:: part.adoc\n   :lines: 1\n"),
        ("a.md", '--8<-- "part.adoc"\n\nwords'),
        ("a.md", "words\n\n{* part.adoc hl[1] *}\n"),
        ("a.md", "words\n\n{!part.adoc!}\n"),
        ("a.md", "words\n\n{% include 'part.adoc' %}\n"),
        ("a.md", "words\n\n{{< include part.adoc >}}\n"),
        ("a.md", "words\n\n<!--@include: part.adoc-->\n"),
        ("a.md", "words\n\n```{include} part.adoc\n```\n"),
    ],
)
def test_includes_are_told_and_not_followed(tmp_path: Path, name: str, source: str, many: Any) -> None:
    reading = many(tmp_path, name, source)
    assert [each.text for each in reading.documents] == ["words"]
    assert [each.reason for each in reading.skipped] == ["includes not followed (part.adoc)"]
