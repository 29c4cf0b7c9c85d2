"""The commands of a session by name: what each takes, what it says of itself, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from splade_cli.errors import InputError, did_you_mean
from splade_cli.search.session import documents, settings
from splade_cli.search.session.replies import HelpReply, HistoryReply, QuitReply, Reply, StatsReply
from splade_cli.search.session.sitting import Sitting

LEAVE = frozenset({"q", "quit", "exit", "/quit", "/q", "/exit"})


@dataclass(frozen=True)
class Command:
    """A command: `usage` as it is typed, `help` in a line, `examples` to type."""

    usage: str
    help: str
    run: Callable[[Sitting, str], Reply]
    examples: tuple[str, ...] = ()


def _help(session: Sitting, argument: str) -> HelpReply:
    if not argument:
        usages = {command.usage: command.help for command in COMMANDS.values()}
        return HelpReply(usages, _STARTS)
    name = "/" + argument.lower().lstrip("/").split()[0]
    command = COMMANDS.get(name)
    if command is None:
        raise InputError(f"unknown command '{name}'", did_you_mean(name, COMMANDS) or "/help lists them")
    return HelpReply({command.usage: command.help, **dict.fromkeys(command.examples, "")})


def _history(session: Sitting, argument: str) -> Reply:
    return HistoryReply({str(number): query for number, query in enumerate(session.history, 1)})


def _stats(session: Sitting, argument: str) -> Reply:
    return StatsReply(session.stats())


def _quit(session: Sitting, argument: str) -> Reply:
    return QuitReply()


_STARTS = "a line without / is a query; its hits are opened by their number; /help NAME has examples"
COMMANDS = MappingProxyType(
    {
        "/help": Command(
            "/help [NAME]", "what can be typed, or one command with examples", _help, ("/help filter",)
        ),
        "/top": Command("/top N", "show N hits from now on", settings.change_top, ("/top 10",)),
        "/mode": Command(
            "/mode [NAME]",
            "search by sparse, bm25, dense or hybrid from now on",
            settings.change_mode,
            ("/mode hybrid", "/mode sparse"),
        ),
        "/filter": Command(
            "/filter [EXPR|off]",
            "search only documents that pass; alone it names the fields",
            settings.change_filter,
            ("/filter year >= 2020 and lang = no", '/filter title contains "saw"', "/filter off"),
        ),
        "/explain": Command(
            "/explain [RANK]",
            "the terms behind a hit, or behind each hit from now on (again: off)",
            settings.explain,
            ("/explain 1", "/explain off"),
        ),
        "/why": Command(
            "/why ID",
            "why a document did not come up, or came up where it did",
            documents.show_why,
            ("/why guide.md", "/why 3"),
        ),
        "/terms": Command(
            "/terms [TEXT]",
            "terms of TEXT or of the last query; 'of RANK': of a document; 'frequent': in too many documents",
            documents.show_terms,
            ("/terms how to reset a password", "/terms of 1", "/terms frequent", "/terms frequent 10%"),
        ),
        "/open": Command(
            "/open [RANK|ID]",
            "the whole text; a bare rank number does the same",
            documents.open_text,
            ("/open 2", "/open guide.md"),
        ),
        "/mark": Command(
            "/mark good|bad|none [RANK ..]",
            "keep hits as training rows; without a rank the one opened last; alone it shows the marks",
            documents.mark,
            ("/mark good 1", "/mark bad 2 3", "/mark none 2"),
        ),
        "/compare": Command(
            "/compare MODEL|INDEX",
            "the last query by another model or index: what moved",
            documents.compare_with,
            ("/compare tiny", "/compare other-index"),
        ),
        "/ab": Command(
            "/ab",
            "which of two systems was preferred so far, where two are compared",
            documents.show_outcome,
        ),
        "/history": Command("/history", "what was asked so far", _history),
        "/stats": Command("/stats", "what is being searched, and how long the queries took", _stats),
        "/quit": Command("/quit", "leave; so do q, quit, exit and Ctrl-D", _quit),
    }
)
