"""What `import splade_cli` offers, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import splade_cli

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "datasets",
    "typer",
    "rich",
    "prompt_toolkit",
    "openai",
)


def loaded_after(root: Path, statement: str) -> set[str]:
    """Which of `HEAVY` a fresh interpreter has loaded after `statement`."""
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_name_can_be_imported_and_is_documented() -> None:
    assert list(splade_cli.__all__) == sorted(splade_cli.__all__)
    assert set(splade_cli._HOMES) | {"__version__"} == set(splade_cli.__all__)
    assert dir(splade_cli) == splade_cli.__all__
    for name in splade_cli.__all__:
        value = getattr(splade_cli, name)
        if name not in ("__version__", "Filter"):
            assert value.__name__ == name
            assert value.__module__ == f"splade_cli.{splade_cli._HOMES[name]}"
            assert value.__doc__
            assert not value.__doc__.startswith(f"{name}("), "a dataclass with no docstring of its own"


def test_star_import_and_unknown_names() -> None:
    namespace: dict[str, object] = {}
    exec("from splade_cli import *", namespace)
    assert set(splade_cli.__all__) <= set(namespace)
    with pytest.raises(AttributeError, match="module 'splade_cli' has no attribute 'Spade'"):
        splade_cli.Spade  # noqa: B018
    with pytest.raises(ImportError, match="Spade"):
        exec("from splade_cli import Spade")


def test_all_expected_errors_are_one_family() -> None:
    for name in ("InputError", "ModelError", "IndexFolderError", "ServiceError", "MachineError"):
        assert issubclass(getattr(splade_cli, name), splade_cli.SpladeError)
    error = splade_cli.InputError("what", "what next")
    assert (str(error), error.message, error.hint) == ("what", "what", "what next")


@pytest.mark.parametrize(
    "statement",
    [
        "import splade_cli; dir(splade_cli); splade_cli.Document; splade_cli.SpladeIndex; splade_cli.Searcher",
        "import splade_cli; splade_cli.SpladeEmbedder('tiny'); splade_cli.index_documents; splade_cli.evaluate",
        "import splade_cli.index.index, splade_cli.index.store.folder, splade_cli.index.bm25_search",
        "import splade_cli.evaluation.metrics, splade_cli.evaluation.significance, splade_cli.evaluation.costs",
        "import splade_cli.search.explain.terms, splade_cli.search.session.session, splade_cli.search.searcher",
        "import splade_cli.config.resolve, splade_cli.records, splade_cli.errors",
        "import splade_cli.datasets.examples, splade_cli.datasets.collections, splade_cli.generation.negatives",
        "import splade_cli.generation.dedupe, splade_cli.generation.pipeline, splade_cli.generation.llm.writer",
    ],
)
def test_nothing_heavy_is_loaded(statement: str, root: Path) -> None:
    assert loaded_after(root, statement) == set()


def test_the_check_above_can_fail(root: Path) -> None:
    assert loaded_after(root, "import rich") == {"rich"}
