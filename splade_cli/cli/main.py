"""The `splade` command line: its commands, and every expected failure as two lines and an exit code.

Nothing heavy is imported here or at the top of a command's file, so that --help is instant.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from splade_cli.cli.command_table import CommandTable, listed
from splade_cli.cli.group import Group
from splade_cli.cli.interrupts import kept, lost_again
from splade_cli.cli.leaving import HELP, READING, Ending
from splade_cli.cli.render.plain import make_logs_plain, plain
from splade_cli.cli.usage import CODE, asks_for_help, hint_with_flag, told
from splade_cli.errors import OptionError, SpladeError
from splade_cli.storage.machine_faults import machine_error


class Commands(Group):
    """Runs a command and prints ``error:`` and ``hint:`` where it fails as expected."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = CommandTable()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of commands; the options of none are built for it."""
        listing = TyperGroup(
            name=self.name,
            commands=listed(),
            params=self.params,
            help=self.help,
            rich_markup_mode=self.rich_markup_mode,
        )
        listing.format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What cannot be parsed is shown as it was typed, or as a shell made it of the names in a folder."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            _refuse(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return self._invoked(ctx)
        except typer.TyperException as error:
            _refuse(error)
            raise

    def _invoked(self, ctx: Any) -> Any:
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        signal.signal(signal.SIGTERM, _terminated)
        try:
            return super().invoke(ctx)
        except SpladeError as error:
            code = CODE if isinstance(error, OptionError) else 1
            _fail(error.message, hint_with_flag(error.hint, error.option), code)
        except KeyboardInterrupt as error:
            print("\ninterrupted", file=sys.stderr)
            _hint(kept(ctx.invoked_subcommand or "", error))
            raise SystemExit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except Exception as error:
            known = machine_error(error)
            if known is not None:
                _fail(known.message, known.hint)
            if isinstance(error, OSError):
                _fail_of_the_system(error)
            raise


def _refuse(error: typer.TyperException) -> None:
    """Says what could not be parsed in the form of all errors; what is no error is left to typer."""
    if asks_for_help(error):
        raise SystemExit(0) from None
    said = told(error)
    if said is not None:
        _fail(*said, CODE)
    if hasattr(error, "message"):
        error.message = plain(str(error.message))


def _fail(message: str, hint: str, code: int = 1) -> None:
    print(f"error: {plain(message)}", file=sys.stderr)
    _hint(hint)
    raise SystemExit(code) from None


def _fail_of_the_system(error: OSError) -> None:
    where = ""
    if error.filename:
        where = f": {error.filename}"
    _fail(f"{error.strerror or error}{where}", "check the path and its permissions")


def _hint(hint: str) -> None:
    if hint:
        print(f"hint: {plain(hint)}", file=sys.stderr)


def _terminated(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


app = typer.Typer(
    name="splade",
    cls=Commands,
    help="From a folder of documents to a fine-tuned, measured, explained sparse search engine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from splade_cli.cli.render.console import print_versions

        print_versions()
        raise typer.Exit


@app.callback()
def splade(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_version, is_eager=True, help="Versions, device and precision."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback where something fails.")] = False,
) -> None:
    """From a folder of documents to a fine-tuned, measured, explained sparse search engine."""


STARTING = 50_000
"""Objects made between two collections: a start makes many and drops few, so looking for those is in vain."""


def main() -> None:
    """The entry point of the `splade` script."""
    gc.set_threshold(STARTING)
    is_reading = bool(READING.intersection(sys.argv[1:2]))
    is_short = is_reading or bool(HELP.intersection(sys.argv))
    if is_reading:
        # NumPy's threads wait for each other by spinning, which costs more than they save a query
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    ending = Ending()
    make_logs_plain()
    sys.unraisablehook = lost_again
    try:
        app()
    except SystemExit as error:
        if isinstance(error.code, int) and is_short:
            ending.code = error.code
        raise
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        # all is done: Ctrl-C while the interpreter tidies up ends it, without a word about its insides
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
