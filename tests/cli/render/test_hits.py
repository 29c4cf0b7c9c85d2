"""What is printed: stars and colours of terms, narrow lines, and texts that would command the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from splade_cli.cli.render import console, frequent_terms
from splade_cli.cli.render.hits import flow, ranked, reasons
from splade_cli.cli.render.plain import plain
from splade_cli.cli.render.session import replies
from splade_cli.records import Hit, Term, Window
from splade_cli.search.explain.frequent_terms import FrequentTerm, FrequentTermReport
from splade_cli.search.explain.terms import Gap
from splade_cli.search.session.compare import Move
from splade_cli.search.session.replies import (
    CompareReply,
    ErrorReply,
    ExplainReply,
    FrequentTermsReply,
    HelpReply,
    HistoryReply,
    HitsReply,
    MarksReply,
    TermsReply,
    TextReply,
    WhyReply,
)

TERMS = (
    Term("kiln", 2.0, 2.0, 4.0, True, True),
    Term("hot", 1.0, 2.0, 2.0, True),
    Term("ĠblÃ¥", 1.0, 1.0, 1.0, False, True),
    Term("oven", 1.0, 1.0, 1.0, False),
)
TEXT = "The kiln fires blå clay."
HIT = Hit(
    "docs/kiln.md::1", 1, 8.0, TEXT, TEXT, "Kiln", "docs/kiln.md", terms=TERMS, highlights=((4, 8), (15, 18))
)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a call prints on both streams of a terminal of so many columns; colours are escape sequences."""

    def run(function: Callable[..., None], *words: Any, width: int = 80, colour: bool = False) -> str:
        written = io.StringIO()
        screen = Console(
            file=written,
            width=width,
            highlight=False,
            force_terminal=colour,
            color_system="standard" if colour else None,
        )
        for module in (flow, ranked, reasons, replies, frequent_terms, console):
            for name in ("out", "err"):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, screen)
        function(*words)
        return written.getvalue()

    return run


def test_a_hit(printed: Callable[..., str]) -> None:
    shown = printed(ranked.hits, [HIT], False)
    assert shown.splitlines() == [" 1  8.00  Kiln  docs/kiln.md::1", "    The kiln fires blå clay."]
    assert printed(ranked.hits, [HIT], False, {HIT.id: "good"}).splitlines()[0].endswith("[good]")


def test_stars_say_where_the_model_added_a_term(printed: Callable[..., str]) -> None:
    line = printed(ranked.hits, [HIT], True).splitlines()[2]
    assert line == "    kiln 4.00 (50%)  hot* 2.00 (25%)  *blå 1.00 (12%)  *oven* 1.00 (12%)"


def test_the_parts_of_a_fusion(printed: Callable[..., str]) -> None:
    hit = Hit(
        "a",
        1,
        0.0325,
        "t",
        "t",
        parts={"sparse": {"rank": 1, "score": 8.0}, "bm25": {"rank": 3, "score": 0.5}},
    )
    shown = printed(ranked.hits, [hit], True)
    assert " 1  0.0325  a" in shown
    assert shown.splitlines()[2:] == ["    sparse 8.00, rank 1", "    bm25 0.5000, rank 3"]
    assert "compares whole texts" in printed(replies.reply, ExplainReply(hit), False)


def test_what_was_grouped_into_a_hit(printed: Callable[..., str]) -> None:
    hit = Hit(
        "a.md::2", 1, 2.0, "t", "t", document_id="a.md", windows=("a.md::1", "a.md::3"), duplicates=("b.md",)
    )
    assert "more of this document: ::1, ::3; nearly the same: b.md" in printed(ranked.hits, [hit], False)


def test_matched_words_are_bold(printed: Callable[..., str]) -> None:
    shown = printed(ranked.hits, [HIT], False, colour=True)
    assert "\x1b[1mkiln\x1b[0m fires \x1b[1mblå\x1b[0m" in shown


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize(
    "text", ["東京の天気は晴れです。" * 12, "a long-winded English sentence of words " * 6]
)
def test_lines_fit_the_terminal(printed: Callable[..., str], width: int, text: str) -> None:
    hit = Hit(
        "some/long/path/to/a/document/of/the/user.md::12", 12, 123.4, text, text, "題名 " * 8, terms=TERMS
    )
    answers = [
        HitsReply((hit,), marks={hit.id: "bad"}),
        TextReply(hit, highlights=((0, 2),)),
        ExplainReply(hit, explained=TERMS, origins=("both", "query", "document", "model")),
        WhyReply(
            hit,
            rank=7,
            terms=(("glaze", 1.2),) * 9,
            against=hit,
            gaps=(Gap("kiln", 4.0, 1.0),) * 4,
        ),
        CompareReply(
            moves=(Move(hit.id, hit.title, 4, 12, "down"),),
            message="1 of 5",
            other="x" * 60,
        ),
        TermsReply(terms=(("glaze", 1.2),) * 30),
        FrequentTermsReply(
            FrequentTermReport(
                0.2, 9, 9, 0.1, 0.1, (FrequentTerm("the", "word", 1, 1, 1, 1, 0.5, hit.id, text),) * 30
            ),
        ),
        MarksReply(marks={hit.id: "good"}, facts={"good": 1, "bad": 2, "waiting": 1, "file": "m.jsonl"}),
        HelpReply(facts={"/mark good|bad|none [RANK ..]": "keep hits as training rows " * 3}),
        ErrorReply("wrong " * 20, hint="right " * 20),
    ]
    for answer in answers:
        for line in printed(replies.reply, answer, True, width=width).splitlines():
            assert cell_len(line) <= width, (answer.kind, line)
            padded = len(line) - len(line.rstrip()) > 3 and answer.kind not in ("frequent_terms", "explain")
            assert not padded, f"blanks at the end wrap when the window is made narrower: {line!r}"


def test_a_term_and_its_weight_stay_on_one_line(printed: Callable[..., str]) -> None:
    lines = printed(replies.reply, TermsReply(terms=(("glaze", 1.25), ("kiln", 1.0)) * 6), False, width=40)
    told = "by the model"
    assert told in lines
    for line in lines[lines.index(told) + len(told) :].splitlines():
        words = line.split()
        assert words[::2] == ["glaze" if weight == "1.25" else "kiln" for weight in words[1::2]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b]0;owned\x07b\x1b[2J", "a]0;ownedb[2J"),
        ("a\x9b31mb\x00", "a31mb"),
        ("a\rb\x08c", "abc"),
        ("lone \ud800 half", "lone  half"),
        ("line\nnext\tcell", "line\nnext    cell"),
        ("blåbær 東京 é 👩‍🚀", "blåbær 東京 é 👩‍🚀"),
    ],
)
def test_texts_that_would_command_the_terminal(printed: Callable[..., str], text: str, shown: str) -> None:
    assert plain(text) == shown
    hit = Hit(text, 1, 1.0, text, text, text, terms=(Term(text, 1, 1, 1, True),))
    moves = (Move(text, text, 1, 1, "same"),)
    for answer in (
        HitsReply((hit,)),
        TextReply(hit, highlights=((0, 2), (3, 5))),
        WhyReply(hit, against=hit, gaps=(Gap(text, 2, 1),), terms=((text, 1.0),)),
        ExplainReply(hit, explained=hit.terms, origins=("both",)),
        CompareReply(moves=moves, other=text),
        MarksReply(marks={text: "good"}, facts={"good": 1, "bad": 0, "file": "m"}),
        ErrorReply(text, text),
        HistoryReply(facts={"1": text}),
    ):
        got = printed(replies.reply, answer, True)
        assert not set(got) & set("\x1b\x9b\x07\x08\r\x00\ud800"), answer.kind


def test_markup_in_texts_is_text(printed: Callable[..., str]) -> None:
    hit = Hit("[bold]id[/]", 1, 1.0, "[red]x[/red] [/nope]", "[red]x[/red] [/nope]", "[link]", terms=TERMS)
    for answer in (HitsReply((hit,)), TextReply(hit)):
        shown = printed(replies.reply, answer, False)
        assert "[red]x[/red] [/nope]" in shown and "[bold]id[/]" in shown
    assert "[/oops]" in printed(replies.reply, ErrorReply("[/oops]"), False)


def test_pieces_flow() -> None:
    pieces = [Text(word) for word in ("aaaa", "bbbb", "東京", "cc")]
    assert flow.flowing(pieces, 10).plain == "aaaa  bbbb\n東京  cc"
    assert flow.flowing(pieces, 3).plain == "aaaa\nbbbb\n東京\ncc"
    assert flow.flowing([Text("東京東京"), Text("東京")], 12).plain == "東京東京\n東京"
    assert flow.flowing([], 10).plain == ""


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (WhyReply(HIT, rank=7, depth=1000), "docs/kiln.md::1: rank 7, score 8.00"),
        (WhyReply(HIT, depth=1000), "docs/kiln.md::1: not among the first 1,000, score 8.00"),
        (WhyReply(Hit("a", 0, 0.0, ""), depth=1000), "a: no term in common, no rank, score 0.00"),
    ],
)
def test_how_a_document_stands(printed: Callable[..., str], answer: WhyReply, standing: str) -> None:
    assert printed(replies.reply, answer, False).splitlines()[0] == standing


LONG = "The kiln fires clay and cools for a night before it is opened. " * 4
MANY = [
    Hit(f"docs/{number}.md::1", number, 9.0 - number, LONG, LONG, f"Title {number}", f"docs/{number}.md")
    for number in range(1, 6)
]


def test_hits_fit_the_room_and_the_first_have_most_of_it(printed: Callable[..., str]) -> None:
    whole = printed(ranked.hits, MANY, False).splitlines()
    for room in range(10, len(whole) + 3):
        lines = printed(ranked.hits, MANY, False, None, room).splitlines()
        assert len(lines) <= room, room
        assert [line for line in lines if "Title" in line] == [line for line in whole if "Title" in line]
        sizes = _lines_a_hit(lines)
        assert sizes == sorted(sizes, reverse=True) and max(sizes) - min(sizes) <= 2
    assert max(_lines_a_hit(lines)) == 1 + ranked.MOST_LINES
    cut = printed(ranked.hits, MANY, False, None, 10).splitlines()
    assert all(line.endswith(" …") for line in cut[1::2]), "what is cut says so"
    assert all(line[:-2].split()[-1] in LONG.split() for line in cut[1::2]), "at a word"


def test_what_does_not_fit_is_counted_and_the_best_is_always_there(printed: Callable[..., str]) -> None:
    lines = printed(ranked.hits, MANY, False, None, 7).splitlines()
    assert len(lines) == 7 and lines[-1] == "2 more: /more"
    assert printed(ranked.hits, MANY, False, None, 1).splitlines()[0].startswith(" 1  ")


def _lines_a_hit(lines: list[str]) -> list[int]:
    starts = [number for number, line in enumerate(lines) if "Title" in line]
    return [end - start for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def test_explained_hits_fit_too(printed: Callable[..., str]) -> None:
    explained = Hit(
        "a",
        1,
        2.0,
        LONG,
        LONG,
        terms=tuple(Term(f"term{number}", 1, 1, 1, True, True) for number in range(30)),
        words=(Term("kiln", 2, 2, 4, True, True),),
        parts={"sparse": {"rank": 1, "score": 30.0}, "bm25": {"rank": 2, "score": 4.0}},
    )
    lines = printed(ranked.hits, [explained] * 3, True, None, 12, width=60).splitlines()
    assert len(lines) == 12
    assert [line.strip() for line in lines if "bm25" in line] == ["bm25 4.00, rank 2: kiln 4.00 (100%)"] * 3
    assert sum(line.startswith("    sparse 30.00, rank 1: term0") for line in lines) == 3


def test_pieces_are_words_or_left_out_and_nothing_reads_0_percent(printed: Callable[..., str]) -> None:
    terms = (
        Term("ad", 1, 3, 3.0, True, True, "adhesion"),
        Term("##hesion", 1, 2, 2.0, True, True, "adhesion"),
        Term("glue", 1, 4, 4.0, False, True),
        Term("##ball", 1, 1, 1.0, False, True),
        Term("means", 1, 1, 0.01, False, False),
    )
    line = printed(ranked.hits, [Hit("a", 1, 10.01, "t", "t", terms=terms)], True).splitlines()[2]
    assert line == "    adhesion 5.00 (50%)  *glue 4.00 (40%)  +2 more"


def test_windows_of_a_document_say_where_and_what(printed: Callable[..., str]) -> None:
    window = Window("a.md::3", "p. 4 > Cooling", "Open it below 90 degrees.", ((0, 4),))
    hit = Hit(
        "a.md::2",
        1,
        2.0,
        "t",
        "t",
        document_id="a.md",
        windows=("a.md::3", "a.md::5"),
        shown_windows=(window,),
    )
    lines = printed(ranked.hits, [hit], False).splitlines()
    assert lines[2:] == [
        "    also ::3 p. 4 > Cooling  Open it below 90 degrees.",
        "    more of this document: ::5",
    ]
