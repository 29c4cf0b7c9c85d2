"""`splade index --tune`: what each way to make an index smaller costs in ranking, on judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast


def tune_index(folder: Path | None, data: Path, split: str, json_output: bool, **place: Any) -> None:
    """Measures the settings of `evaluation.tuning` on an index folder and prints them.

    Args:
        data, split: a collection whose documents the index holds, see `corpus.collections.load_collection`.
        place: options of `SpladeEmbedder`, for an index whose queries the model encodes.

    Raises:
        InputError: no index is named, or it cannot be tuned with this collection, see `evaluation.tuning.tune`.
    """
    from splade_cli.cli.render import console
    from splade_cli.cli.render import report as figures
    from splade_cli.datasets.collections import load_collection
    from splade_cli.engines.local import LocalEngine
    from splade_cli.errors import InputError
    from splade_cli.evaluation.tuning import tune
    from splade_cli.model.options import ModelOptions
    from splade_cli.search.searcher import Searcher

    if folder is None:
        raise InputError("--tune needs an index", f"splade index --tune {data} --index DIR")
    collection = load_collection(data, split)
    searcher = Searcher.open(folder, model_options=ModelOptions(**place))
    index = cast(LocalEngine, searcher.engine).index
    with console.progress() as progress:
        tuned = tune(index, searcher.encoder.encode, collection, progress=progress)
    if json_output:
        console.json_document(
            {"collection": collection.name, "split": split, "index": str(folder), **tuned.as_dict()}
        )
    else:
        figures.tuning(tuned, f"{collection.name} ({split})")
    flags = tuned.cheapest.setting.flags()
    console.next_command(
        f"splade index DOCS -o DIR {flags}".rstrip() if flags else f"splade query --index {folder}"
    )
