"""Every `splade ...` that pages, hints and cards show to people is one that the program takes."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

from splade_cli.cli.main import app
from splade_cli.cli.usage import hint_with_flag

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "sample_docs/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
SCRIPTS = ("Makefile", ".github/workflows/ci.yml", ".github/workflows/release.yml")
SOURCES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "splade_cli").rglob("*.py"))
TEMPLATES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "splade_cli").rglob("*")
    if path.suffix in (".md", ".jinja", ".j2", ".html")
)
COMMAND = re.compile(r"(?<![\w./-])splade ((?:[^\s`]|(?<=\S) +(?=\S))*)")
OTHER_PROGRAMS = {
    "--backend-store-uri",
    "--force-reinstall",
    "--index-url",
    "--local-dir",
    "--logdir",
    "--nproc-per-node",
    "--torch-backend",
    "--upgrade",
}


@cache
def program() -> object:
    """The command line as a tree; made once, since making it takes as long as a hundred questions to it."""
    return typer.main.get_command(app)


def click_command(name: str) -> object:
    """The command of a name, such as `search` or `index add`."""
    command = program()
    for part in name.split():
        command = command.commands[part]  # type: ignore[attr-defined]
    return command


@cache
def names() -> list[str]:
    """All commands, those of a group by both words."""
    found = []
    for name, command in program().commands.items():  # type: ignore[attr-defined]
        found += [f"{name} {inner}" for inner in getattr(command, "commands", {})]
        found.append(name)
    return found


@cache
def options_of(name: str) -> frozenset[str]:
    """The flags that a command takes."""
    command = click_command(name)
    flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}  # type: ignore[attr-defined]
    for inner in getattr(command, "commands", {}):
        flags |= options_of(f"{name} {inner}")
    return frozenset(flags | {"--help"})


def texts_of_code(path: Path) -> Iterator[str]:
    """The strings of a Python file, what an f-string fills in as X."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def shown_in_page(text: str) -> Iterator[str]:
    """Commands of code blocks, continuation lines joined, and of inline code."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for block in re.findall(r"```[a-z]*\n(.*?)```", joined, re.DOTALL):
        for line in block.splitlines():
            if match := re.match(r"\s*(?:\$ |[A-Z_]+=\S+ )*splade (.*)", line):
                yield match.group(1)
    for code in re.findall(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)", joined):
        if code.startswith("splade "):
            yield " ".join(code.split())[len("splade ") :]


def shown_in_code(text: str) -> Iterator[str]:
    """Commands in a hint or message: up to the end of the sentence or line."""
    for match in COMMAND.finditer(text):
        line = match.group(1).split("\n")[0]
        sentence = re.split(r"[;,]\s|\.\s|\s\(|\)|\s—|\s\+\s", line)[0].rstrip(",:")
        yield re.sub(r"(?<!\.)\.$", "", sentence)


def too_many(name: str, arguments: list[str]) -> str:
    """Says which arguments a command has no place for, whatever else it lacks."""
    command = click_command(name)
    context = command.context_class(command, info_name=name, resilient_parsing=True)  # type: ignore[attr-defined]
    try:
        _, rest, _ = command.make_parser(context).parse_args(list(arguments))  # type: ignore[attr-defined]
    except Exception:
        return ""
    return f"splade {name} does not take {rest}" if rest else ""


def problem(shown: str, *, sentence: bool = False) -> str:
    """What the program would say against a command; empty where it takes it, or where it is no whole command.

    Args:
        sentence: the command may be followed by words of a sentence, as in "splade query needs an index".
    """
    quoted = "X" if re.search(r"""["']\.\.\.["']""", shown) else ""
    try:
        words = [quoted if word == "..." else word for word in shlex.split(shown, comments=True)]
    except ValueError:
        return ""
    words = [word for word in words if word]
    ends = [number for number, word in enumerate(words) if word in ("|", ">", "<", "&&", "2>", ";")]
    words = words[: ends[0]] if ends else words
    known_names = sorted(names(), key=len, reverse=True)
    name = next((one for one in known_names if words[: len(one.split())] == one.split()), None)
    if name is None:
        return ""
    arguments = words[len(name.split()) :]
    for word in arguments:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in options_of(name):
            return f"splade {name} has no {flag}"
    command = click_command(name)
    try:
        command.make_context(name, list(arguments))  # type: ignore[attr-defined]
    except Exception as error:
        said = getattr(error, "format_message", lambda message=str(error): message)() or type(error).__name__
        partial = ("Missing option", "Missing argument", "Missing command", "requires an argument")
        if any(start in said for start in partial) or re.search(r"'[A-Z|]+' is not a valid", said):
            said = too_many(name, arguments)  # a part of a command, or a placeholder
        if sentence and ("unexpected extra argument" in said or "does not take" in said):
            return ""
        return said
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_pages(page: str) -> None:
    problems = {}
    for shown in shown_in_page((ROOT / page).read_text(encoding="utf-8")):
        said = problem(shown)
        if said:
            problems[shown] = said
    assert not problems


@pytest.mark.parametrize("script", SCRIPTS)
def test_commands_of_scripts(script: str) -> None:
    shown = re.findall(
        r"(?:\$\(bin\)/|== |run: )splade ([^\"\n]*)", (ROOT / script).read_text(encoding="utf-8")
    )
    assert shown
    problems = {}
    for one in shown:
        said = problem(re.sub(r"\$\(?(\w+)\)?", r"\1", one))
        if said:
            problems[one] = said
    assert not problems


def test_pages_show_commands() -> None:
    shown = [list(shown_in_page((ROOT / page).read_text(encoding="utf-8"))) for page in PAGES]
    assert sum(map(len, shown)) > 100
    assert len(shown[PAGES.index("README.md")]) > 5
    assert problem("query index 'a query'"), "a word too many is refused"
    assert problem('query index "..."')
    assert problem("search 'a query' --nowhere")
    assert not problem("search 'a query' --index DIR -k 3")


@pytest.mark.parametrize("source", [*SOURCES, *TEMPLATES])
def test_commands_of_hints_and_cards(source: str) -> None:
    path = ROOT / source
    if path.suffix == ".py":
        texts = list(texts_of_code(path))
    else:
        texts = path.read_text(encoding="utf-8").splitlines()
    problems = {}
    for text in texts:
        for shown in shown_in_code(text):
            said = problem(shown, sentence='"' not in shown)
            if said:
                problems[shown] = said
    assert not problems


def test_flags_of_hints_exist() -> None:
    known = OTHER_PROGRAMS | {"--version", "--debug"}
    for name in names():
        known |= options_of(name)
    unknown = []
    for source in SOURCES:
        for text in texts_of_code(ROOT / source):
            flags = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))
            unknown += [(source, flag) for flag in flags - known]
    assert not unknown


LIBRARY = [source for source in SOURCES if not source.startswith("splade_cli/cli/")]
PROGRAM = re.compile(r"\b(?:splade|hf|pip|python|iconv|mlflow|tensorboard|ulimit) [^;\n`]+")
FLAG = re.compile(r"(?<![\w/.<-])--?[a-z][\w-]*")
NO_FLAGS = {"-inf", "-th"}
"""What is written like one: minus infinity, and the n-th."""


def bare_flags(text: str) -> list[str]:
    """The flags of a text that stand outside of a whole command."""
    return [flag for flag in FLAG.findall(PROGRAM.sub("", text)) if flag not in NO_FLAGS]


def test_the_library_speaks_of_no_flags() -> None:
    assert bare_flags("name another -o, or add --force") == ["-o", "--force"]
    assert not bare_flags("make it again: splade index DOCS -o DIR --force")
    spoken = {}
    for source in LIBRARY:
        if source == "splade_cli/__main__.py":
            continue
        for text in texts_of_code(ROOT / source):
            if " " in text and bare_flags(text):
                spoken[source] = text
    assert not spoken


def test_the_command_line_has_a_flag_for_each_option_of_an_error() -> None:
    known: set[str] = set()
    for name in names():
        known |= options_of(name)
    options = []
    for source in LIBRARY:
        for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and str(getattr(node.func, "id", "")).endswith("Error"):
                options += [word.value for word in node.keywords if word.arg == "option"]
    named = {word.value for word in options if isinstance(word, ast.Constant)}
    assert {"force", "output", "trust_remote_code", "allow_pickle"} <= named
    assert {hint_with_flag("", str(option)).strip(" ()") for option in named} <= known
