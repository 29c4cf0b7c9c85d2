"""The line at which a session is typed into: keys, completion, history, and the bar below."""

from __future__ import annotations

import os
import signal
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.utils import get_cwidth, is_dumb_terminal

from splade_cli.cli.render import console
from splade_cli.cli.render.plain import one_line
from splade_cli.cli.render.progress import show_progress
from splade_cli.cli.render.session import replies
from splade_cli.errors import InputError
from splade_cli.search.session.completion import proposals
from splade_cli.search.session.replies import HitsReply, QuitReply
from splade_cli.storage.outputs import output_file

if TYPE_CHECKING:
    from splade_cli.search.session.replies import Reply
    from splade_cli.search.session.session import Session

PROMPT = "splade> "
_MENU_LINES = 6


class _Proposals(Completer):
    """What the session proposes, as prompt_toolkit asks for it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Any, complete_event: Any) -> Iterator[Completion]:
        """Called at each key."""
        for proposal in proposals(self._session, document.text_before_cursor):
            yield Completion(proposal.text, -proposal.replaced, display_meta=proposal.about)


def converse(session: Session) -> None:
    """Asks for lines and prints answers until the user leaves.

    Ctrl-C clears the line or stops what is running, Ctrl-D leaves; so does SIGTERM, which elsewhere is a
    Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _leave)
    ask = input if is_dumb_terminal() else _editor(session)
    session.load_ahead()
    replies.greeting(session)
    while True:
        try:
            line = ask(PROMPT)
        except (KeyboardInterrupt, CancelledError):  # the latter where the prompt was only just being put up
            continue
        except EOFError:
            return
        try:
            answer = _answer(session, line)
            if isinstance(answer, QuitReply):
                return
            shown = replies.reply(answer, session.explain, _room())
            if isinstance(answer, HitsReply):
                session.shown -= len(answer.hits) - shown
        except KeyboardInterrupt:
            console.note("stopped")


def _room() -> int | None:
    """Lines between the query and the next prompt with its bar; None where a screen is not what it is."""
    if is_dumb_terminal():
        return None
    return max(1, console.out.height - 3)


def _editor(session: Session) -> Callable[[str], str]:
    """Asks for a line with history, completion and the bar."""
    prompt: PromptSession[str] = PromptSession(
        history=_history(),
        completer=_Proposals(session),
        auto_suggest=AutoSuggestFromHistory(),
        color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
        output=create_output(always_prefer_tty=True),
        key_bindings=_keys(session),
        reserve_space_for_menu=_MENU_LINES,
    )
    # lines for a menu are kept free only where there may be one
    prompt.complete_while_typing = Condition(lambda: prompt.default_buffer.text.startswith("/"))

    def ask(message: str) -> str:
        wide = console.out.width >= console.NARROW
        return prompt.prompt(
            message, bottom_toolbar=(lambda: toolbar(session, console.out.width)) if wide else None
        )

    return ask


def _keys(session: Session) -> KeyBindings:
    """Tab takes the only proposal at once, whether or not the list is up, else what all have in common."""
    keys = KeyBindings()

    @keys.add("tab")
    def complete(event: Any) -> None:
        buffer = event.current_buffer
        proposed = proposals(session, buffer.document.text_before_cursor)
        if len(proposed) == 1:
            buffer.delete_before_cursor(proposed[0].replaced)
            buffer.insert_text(proposed[0].text)
            if not proposed[0].goes_on:
                buffer.insert_text(" ")
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    return keys


def toolbar(session: Session, columns: int) -> str:
    """How is searched, in one line of at most `columns`; empty on a narrow terminal."""
    if columns < console.NARROW:
        return ""
    marked = f" | explain {'on' if session.explain else 'off'}"
    if session.is_loading:
        marked = f" | loading the model ...{marked}"
    marked += "".join(f" | {name} {value}" for name, value in session.unusual().items())
    parts = f" mode {session.mode} | top {session.top}{marked} | filter {session.filter or 'off'}"
    parts = one_line(parts)
    while get_cwidth(parts) > columns:
        parts = parts[:-4] + "..."
    return parts


def _answer(session: Session, line: str) -> Reply:
    if session.is_loading and not session.has_stand_in and line.strip() and not line.startswith("/"):
        console.note("waiting for the model, which is still being loaded ...")
    if not line.lstrip().startswith("/compare"):
        return session.handle(line)
    with show_progress() as session.progress:  # another model may have to encode the index
        return session.handle(line)


def _history() -> History:
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "splade"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        history = output_file(folder / "history")
        history.touch()
    except (OSError, InputError):
        return InMemoryHistory()  # a home that cannot be written to costs the history, not the session
    return FileHistory(str(history))


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)
