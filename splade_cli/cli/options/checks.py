"""Checks of paths, names and sizes, before libraries of models are loaded."""

from __future__ import annotations

from pathlib import Path

OVER_DENSE = ("csr", "laspar")
"""Architectures, and presets, that are trained over a dense model."""


def require_report(path: Path | None) -> None:
    """Raises InputError, before anything is computed, for a report that could not be written."""
    if path is not None and str(path) != "-":
        from splade_cli.reports.outputs import require_report_file

        require_report_file(path)


def require_files(*paths: Path | None) -> None:
    """The same for files of any kind; one that is standard output can be."""
    from splade_cli.storage.outputs import output_file

    for path in paths:
        if path is not None and str(path) != "-":
            output_file(path)


def require_there(*paths: Path | str | None, hint: str = "check the path") -> None:
    """Raises InputError, before libraries of models are loaded, for a file or folder that there is not."""
    from splade_cli.errors import InputError

    for path in paths:
        if path is not None and not Path(path).exists():
            raise InputError(f"no such file or folder: {path}", hint)


def require_index(*folders: Path | None) -> None:
    """The same for index folders: raises IndexFolderError for one in which there is none."""
    from splade_cli.errors import no_index
    from splade_cli.storage.marks import INDEX

    for folder in folders:
        if folder is not None and not (folder / INDEX[0]).exists():
            raise no_index(folder)


def require_collection(path: Path | None) -> None:
    """The same for judged queries, be they a folder, a file, or of ir_datasets."""
    from splade_cli.datasets import OF_IR_DATASETS

    if path is not None and not str(path).startswith(OF_IR_DATASETS):
        require_there(path, hint="give a BEIR folder, a qrels file in one, or a training file")


def require_models(*names: str | None, dense: bool = False) -> None:
    """The same for models, sparse or dense: raises ModelError for the name of a folder that there is not."""
    from splade_cli.model.layout import resolve, resolve_dense

    for name in names:
        if name is not None and dense:
            resolve_dense(name)
        elif name is not None:
            resolve(name)


def positive(**sizes: float | None) -> None:
    """Raises UsageError for the first size that is given and not above 0."""
    from splade_cli.errors import require_positive

    require_positive(**{name: value for name, value in sizes.items() if value is not None})
