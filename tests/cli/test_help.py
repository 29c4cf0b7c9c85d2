"""Help that helps: examples and panels, one form and code of usage errors, what the environment names."""

from __future__ import annotations

import sys

import pytest
import typer.main

from splade_cli.cli.command_table import HOMES, PANELS
from splade_cli.cli.examples import EXAMPLES
from splade_cli.cli.main import app
from splade_cli.cli.render.console import number

CHANGES = [f"index {name}" for name in ("add", "sync", "remove", "merge", "verify")]


def one_line(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("name", [*HOMES, *CHANGES])
def test_every_help_ends_with_examples(splade, name):
    result = splade(*name.split(), "--help")
    assert result.exit_code == 0
    shown = one_line(result.stdout)
    assert EXAMPLES[name] and all(one_line(example) in shown for example in EXAMPLES[name])
    assert all(f"splade {name} " in f"{example} " for example in EXAMPLES[name][:1])


def test_every_command_stands_in_one_panel_in_the_order_of_the_path(splade):
    assert [name for names in PANELS.values() for name in names] == list(HOMES)
    shown = splade("--help").stdout
    places = [shown.index(f"\n│ {name} ") for name in HOMES]
    assert places == sorted(places)
    assert all(f"─ {panel} ─" in shown for panel in PANELS)


def test_options_stand_in_panels(splade):
    shown = splade("gen-data", "--help").stdout
    for panel, option in {"Language model": "--max-cost", "Chunks": "--chunk-size", "Queries": "--kinds",
                          "Mining and split": "--val-ratio", "Machine": "--device",
                          "Reading files": "--exclude"}.items():  # fmt: skip
        start = shown.index(f"─ {panel} ─")
        assert option in shown[start : shown.index("╰", start)]


def test_help_is_a_command_and_short_flags_are_there(splade):
    assert one_line(splade("help", "search").stdout) == one_line(splade("search", "--help").stdout)
    assert "splade index add" in splade("help", "index", "add").stdout
    assert "splade build" in splade("help", "build").stdout and splade("help").exit_code == 0
    assert splade("-V").stdout.startswith("splade ")
    assert splade("help", "nope").exit_code == 2
    assert splade().exit_code == 0 and "Usage: splade" in splade().stdout, (
        "asked for nothing, it says what there is"
    )


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["search"], "missing argument 'QUERY'", "splade search --help"),
        (["serach", "x"], "no such command 'serach'. Did you mean 'search'?", "splade --help"),
        (["search", "x", "--fo"], "no such option: --fo", "splade search --help"),
        (["search", "x", "--top", "many"], "invalid value for '-k' / '--top'", "splade search --help"),
        (["search", "x", "--top", "many"], "got 'many'", "splade search --help"),
        (["index", "d", "-o", "o", "--chunker", "x"], "'--chunker': 'x' is not one of", "splade index build --help"),
        (["index", "add"], "missing ", "splade index add --help"),
        (["search", "x"], "no index is named", "splade index DOCS -o index"),
        (["search", "x", "--index", "i", "--top", "0"], "top must be above 0", "hint: "),
        (["query"], "needs either --index or --docs", "splade index DOCS"),
        (["search", "x", "--index", "i", "--mode", "bm25", "--weights", "rrf"], "--weights", "--mode hybrid"),
        (["gen-data", "d", "-o", "o", "--base-url", "u"], "without --llm", "--llm MODEL"),
    ],
)  # fmt: skip
def test_usage_errors_have_one_form_and_one_code(splade, monkeypatch, words, error, hint):
    monkeypatch.delenv("SPLADE_INDEX", raising=False)
    result = splade(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("error: ") and error in lines[0]
    assert lines[1].startswith("hint: ") and hint in lines[1] and len(lines) == 2


def test_words_of_a_query_need_no_quotes_and_the_environment_names_the_index(splade, built, monkeypatch):
    quoted = splade("search", "squealing brakes", "--index", built / "index", "--json")
    bare = splade("search", "squealing", "brakes", "--index", built / "index", "--json")
    assert quoted.exit_code == 0 and bare.stdout == quoted.stdout
    monkeypatch.setenv("SPLADE_INDEX", str(built / "index"))
    assert splade("search", "squealing", "brakes", "--json").stdout == quoted.stdout
    assert splade("terms", "--json").exit_code == 0
    assert "SPLADE_INDEX" in splade("search", "--help").stdout
    alone = splade("query", "--docs", built / "docs" / "bike.md", "--query", "kiln")
    assert alone.exit_code == 0 and "kiln.md" not in alone.stdout, "--docs goes before the environment"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.6262, "0.6262"), (5.0, "5"), (3.73, "3.73"), (247.04, "247.04"), (0.0, "0"), (0.5, "0.5000"),
     (-2.5, "-2.5"), (1e-9, "0.0000"), (100.0, "100"), (0.00012, "0.0001")],
)  # fmt: skip
def test_numbers_say_no_more_than_they_know(value, shown):
    assert number(value) == shown


def test_outputs_are_looked_at_before_a_model_is(tmp_path):
    """In a process of its own: none of the libraries of models may have been loaded when it is refused."""
    import subprocess

    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("x")
    (tmp_path / "rows.json").write_text('[{"query": "q", "positive_document": "d"}]')
    script = (
        "import sys\n"
        "from splade_cli.cli.main import app\n"
        "try:\n    app(sys.argv[1:], prog_name='splade')\n"
        "except SystemExit as end:\n"
        "    heavy = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "    print(end.code, sorted(heavy))\n"
    )
    for words in (
        ["train", "--train-file", "rows.json", "-o", "there"],
        ["build", "rows.json", "-o", "there"],
        ["index", "rows.json", "-o", "there"],
        ["evaluate", "--data", ".", "--report", "there"],
        ["query", "--index", "i", "--query", "a", "--output-file", "there"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout.strip() == "1 []", (words, done.stdout, done.stderr)


def test_the_program_can_be_made_whole():
    command = typer.main.get_command(app)
    assert set(command.commands) == set(HOMES) == set(EXAMPLES) - set(CHANGES)
