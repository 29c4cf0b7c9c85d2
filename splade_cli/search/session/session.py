"""The interactive session: a line in, a reply out."""

from __future__ import annotations

from splade_cli.errors import InputError, SpladeError, did_you_mean
from splade_cli.search.session.commands import ASK, COMMANDS, LEAVE
from splade_cli.search.session.replies import ErrorReply, NothingReply, QuitReply, Reply
from splade_cli.search.session.sitting import Sitting


def _meant(name: str) -> str:
    """The commands that a name may be short for, or is spelled like."""
    begun = [each for each in COMMANDS if len(name) > 1 and each.startswith(name)]
    if begun:
        return f"did you mean {' or '.join(begun)}?"
    return did_you_mean(name, COMMANDS)


class Session(Sitting):
    """A sitting that answers lines: queries, numbers of hits, and commands."""

    def handle(self, line: str) -> Reply:
        """Answers one line; a mistake of the user's becomes an `ErrorReply`."""
        try:
            return self._answer(line.strip())
        except SpladeError as error:
            return ErrorReply(error.message, error.hint, error.option)

    def _answer(self, text: str) -> Reply:
        if not text:
            return NothingReply()
        if text.lower() in LEAVE:
            return QuitReply()
        if text.lower() in ASK:
            return COMMANDS["/help"].run(self, "")
        if text.isdecimal() and self.hits:
            return COMMANDS["/open"].run(self, text)
        if not text.startswith("/"):
            return self.ask(text)
        name, _, rest = text.partition(" ")
        command = COMMANDS.get(name.lower())
        if command is None:
            hint = _meant(name.lower()) or "/help lists them"
            raise InputError(f"unknown command '{name}'", hint)
        return command.run(self, rest.strip())
