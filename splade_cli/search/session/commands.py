"""The commands of a session by name: what each takes, what it says of itself, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from splade_cli.errors import InputError, did_you_mean
from splade_cli.search.session import documents, results, settings
from splade_cli.search.session.replies import HelpReply, HistoryReply, QuitReply, Reply, StatsReply
from splade_cli.search.session.sitting import Sitting

ASK = frozenset({"help", "?"})
"""Words that are `/help` where they stand alone."""
LEAVE = frozenset({"q", "quit", "exit", "/quit", "/q", "/exit"})


@dataclass(frozen=True)
class Command:
    """A command: `usage` as it is typed, `help` in a few words, `examples` to type, `detail` for who asks."""

    usage: str
    help: str
    run: Callable[[Sitting, str], Reply]
    examples: tuple[str, ...] = ()
    detail: str = ""


def _help(session: Sitting, argument: str) -> HelpReply:
    if not argument:
        usages = {command.usage: command.help for command in COMMANDS.values()}
        if session.ab is None:
            del usages["/ab"]
        return HelpReply(usages, _STARTS)
    name = "/" + argument.lower().lstrip("/").split()[0]
    command = COMMANDS.get(name)
    if command is None:
        raise InputError(f"unknown command '{name}'", did_you_mean(name, COMMANDS) or "/help lists them")
    return HelpReply({command.usage: command.help, **dict.fromkeys(command.examples, "")}, command.detail)


def _history(session: Sitting, argument: str) -> Reply:
    return HistoryReply({str(number): query for number, query in enumerate(session.history, 1)})


def _stats(session: Sitting, argument: str) -> Reply:
    return StatsReply(session.stats())


def _quit(session: Sitting, argument: str) -> Reply:
    return QuitReply()


_STARTS = "a line without / is a query; a number opens its hit; /help NAME has examples"
COMMANDS = MappingProxyType(
    {
        "/help": Command("/help [NAME]", "what can be typed, or one command", _help, ("/help filter",)),
        "/more": Command("/more [N]", "the next hits", results.show_more, ("/more 10",)),
        "/top": Command("/top N", "show N hits from now on", settings.change_top, ("/top 10",)),
        "/mode": Command(
            "/mode [NAME]",
            "search by sparse, bm25, dense or hybrid",
            settings.change_mode,
            ("/mode hybrid", "/mode sparse"),
        ),
        "/filter": Command(
            "/filter [EXPR|off]",
            "only documents that pass; alone: the fields",
            settings.change_filter,
            ("/filter year >= 2020 and lang = no", '/filter title contains "saw"', "/filter off"),
        ),
        "/idf": Command(
            "/idf [NUMBER|off]",
            "rare terms of queries count for more",
            settings.change_idf,
            ("/idf 0.5", "/idf off"),
            "a query's weight times the IDF of the index to this power",
        ),
        "/expand": Command(
            "/expand [FILE|off]",
            "add words to queries by rules",
            settings.change_expansion,
            ("/expand off",),
            "a file with a line a rule, such as: pw = password",
        ),
        "/fold": Command(
            "/fold [auto|document|section|off]",
            "which chunks are one hit",
            settings.change_folding,
            ("/fold section", "/fold off", "/fold auto"),
            "auto: those of a document, but of long ones, and where there are few, those of a section",
        ),
        "/rerank": Command(
            "/rerank [MODEL|off]",
            "a cross-encoder reorders the first hits",
            settings.change_reranker,
            ("/rerank off",),
            "the folder or hub id of a cross-encoder, which reads each of them",
        ),
        "/explain": Command(
            "/explain [RANK|on|off]",
            "the terms behind one hit, or behind each",
            settings.explain,
            ("/explain 1", "/explain on", "/explain off"),
        ),
        "/why": Command(
            "/why ID",
            "why a document came up, or did not",
            documents.show_why,
            ("/why guide.md", "/why 3"),
        ),
        "/terms": Command(
            "/terms [TEXT]",
            "what the model makes of a text",
            documents.show_terms,
            ("/terms how to reset a password", "/terms of 1", "/terms frequent", "/terms frequent 10%"),
            "of TEXT or the last query; 'of RANK' of a document; 'frequent' those in too many documents",
        ),
        "/open": Command(
            "/open [RANK|ID]", "the whole text", documents.open_text, ("/open 2", "/open guide.md")
        ),
        "/mark": Command(
            "/mark good|bad|none [RANK ..]",
            "keep hits as training rows; alone: the marks",
            documents.mark,
            ("/mark good 1", "/mark bad 2 3", "/mark none 2"),
            "without a rank the one opened last",
        ),
        "/compare": Command(
            "/compare MODEL|INDEX",
            "the last query elsewhere: what moved",
            documents.compare_with,
            ("/compare tiny", "/compare other-index"),
        ),
        "/ab": Command(
            "/ab",
            "which of two systems was preferred so far",
            documents.show_outcome,
        ),
        "/export": Command(
            "/export FILE",
            "write the hits: .json, .jsonl or .md",
            results.export,
            ("/export hits.json", "/export hits.md"),
        ),
        "/history": Command("/history", "what was asked so far", _history),
        "/stats": Command("/stats", "what is searched, and how fast", _stats),
        "/clear": Command("/clear", "an empty screen", results.clear),
        "/quit": Command("/quit", "leave; so do q, exit and Ctrl-D", _quit),
    }
)
