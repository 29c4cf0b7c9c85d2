"""What the line of a session may go on with: the text before the cursor in, proposals out. Knows no keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from splade_cli.search.options import GROUPINGS
from splade_cli.search.session.commands import COMMANDS
from splade_cli.search.session.marks import VERDICTS
from splade_cli.search.session.session import Session

_FILTER_WORDS = ("and", "or", "not", "in", "contains", "exists")
_MOST_ENTRIES = 200


@dataclass(frozen=True)
class Proposal:
    """`text` takes the place of the last `replaced` characters; `about` explains it, a folder `goes_on`."""

    text: str
    replaced: int
    about: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether more is to be typed without a blank."""
        return self.text.endswith("/")


def proposals(session: Session, before: str) -> list[Proposal]:
    """Commands, and what each takes: modes, fields, verdicts, ranks and ids of the last hits, folders."""
    if not before.startswith("/"):
        return []
    name, blank, rest = before.partition(" ")
    if not blank:
        listed = ((command, entry.help) for command, entry in COMMANDS.items())
        return _opening(name, listed)
    word = re.split(r"[\s(,]", rest)[-1]
    first = len(rest.split()) - bool(word) == 0
    return _opening(word, _arguments(session, name.lower(), first, word))


def _opening(word: str, choices: Iterable[tuple[str, str]]) -> list[Proposal]:
    return [
        Proposal(text, len(word), about)
        for text, about in choices
        if text.lower().startswith(word.lower()) and text != word
    ]


def _arguments(session: Session, name: str, first: bool, word: str) -> Iterator[tuple[str, str]]:
    if name == "/filter":
        yield from ((field, kind) for field, kind in session.searcher.fields().items())
        if first:
            yield "off", "no filter"
        else:
            yield from ((joint, "") for joint in _FILTER_WORDS)
    elif name == "/mark" and not first:
        yield from _hits(session, ranks=True)
    elif name in ("/open", "/why", "/explain") and first:
        yield from _ids(session, word)
        if name == "/explain":
            yield from (("on", "behind each hit"), ("off", ""))
    elif name == "/terms" and not first:
        yield from _ids(session, word)
    elif not first:
        return
    elif name == "/mode":
        yield from ((mode, "") for mode in session.searcher.modes)
    elif name == "/mark":
        yield from ((verdict, "") for verdict in VERDICTS)
    elif name == "/fold":
        yield from ((group, "") for group in GROUPINGS)
    elif name in ("/rerank", "/expand", "/idf"):
        yield "off", ""
    elif name == "/terms":
        yield from (("frequent", "in too many documents"), ("of", "of a document: its rank or id"))
    elif name == "/help":
        yield from ((command.removeprefix("/"), entry.help) for command, entry in COMMANDS.items())
    elif name == "/compare":
        yield from (("tiny", "the embedded model"), *_folders(word))


def _ids(session: Session, word: str) -> Iterator[tuple[str, str]]:
    """Ids of the last hits, then of documents that begin like `word`."""
    titles = dict(_hits(session, ranks=False))
    yield from titles.items()
    if word:
        yield from ((name, "") for name in session.ids_from(word) if name not in titles)


def _hits(session: Session, ranks: bool) -> Iterator[tuple[str, str]]:
    for hit in session.hits:
        if ranks:
            yield str(hit.rank), hit.title or hit.id
        else:
            yield hit.id, hit.title


def _folders(word: str) -> Iterator[tuple[str, str]]:
    """Folders that go on from `word`; those of an index or a model say so."""
    parent = word[: word.rfind("/") + 1]
    try:
        entries = sorted(path for path in Path(parent or ".").expanduser().iterdir() if path.is_dir())
    except OSError:
        return
    for path in entries[:_MOST_ENTRIES]:
        if path.name.startswith("."):
            continue
        if (path / "manifest.json").is_file():
            yield f"{parent}{path.name}", "index"
        elif (path / "config.json").is_file():
            yield f"{parent}{path.name}", "model"
        else:
            yield f"{parent}{path.name}/", ""
