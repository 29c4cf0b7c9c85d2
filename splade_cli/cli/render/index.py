"""Facts of an index, as `splade index` and its commands print them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from splade_cli.cli.render import console
from splade_cli.indexing.vocabulary_fit import misfit, models_for

if TYPE_CHECKING:
    from splade_cli.evaluation.fidelity import Fidelity
    from splade_cli.index.index import SpladeIndex
    from splade_cli.index.info import QueryInfo
    from splade_cli.index.updates import Merged
    from splade_cli.indexing.build import Indexed
    from splade_cli.indexing.pipeline import Findings


def built(made: Indexed, model: str, folder: Path, json_output: bool) -> None:
    """Says what was read and what the index in `folder` holds."""
    from splade_cli.index.store.opening import size_bytes

    index = made.index
    values: dict[str, Any] = {
        "documents": made.documents,
        "chunks": len(index),
        "active terms a chunk": f"{index.nonzeros / len(index):.1f}",
        "holds": ", ".join(_parts(index)),
        "megabytes": round(size_bytes(folder) / 1e6, 2),
        **_language(made, json_output),
        "model": model,
        "precision": made.precision,
        "queries": _queries(index.info.query),
        "written to": str(folder),
    }
    findings = made.findings
    if findings is not None:
        truncation = findings.truncation
        if truncation.cut:
            values["beyond the model's limit"] = (
                f"{truncation.share:.1%} of the tokens, in {truncation.cut} of {truncation.texts} chunks"
            )
    console.facts(values, json_output)
    if findings is not None:
        _notes(findings, index.info.bm25 is not None, folder)
    console.next_command(f"splade query --index {folder}")


def _language(made: Indexed, as_json: bool) -> dict[str, Any]:
    if made.findings is None:
        return {}
    return console.language_facts(made.findings.language, as_json)


def _notes(findings: Findings, has_words: bool, folder: Path) -> None:
    """What of the documents the model does not read, and that they are not of its language."""
    truncation = findings.truncation
    if truncation.cut:
        console.note(
            f"the model reads {truncation.limit} tokens of a chunk, and what lies beyond is not found by it: "
            "leave out --chunk-size, --chunk-min and --chunk-max, so that chunks are cut to its size, "
            "or raise --max-length where the model allows it"
        )
    language = findings.language
    said = misfit(findings.vocabulary, language)
    if not said:
        return
    console.note(said)
    trained, preset = models_for(language.name)
    console.note(f"one of many languages: --model {trained}")
    if preset:
        console.note(
            f"one for {language.name}, to be trained: splade train --preset {preset} "
            "--train-file data/train.json"
        )
    if has_words:
        console.note(f'BM25 needs no vocabulary: splade search "..." --index {folder} --mode bm25')


def changed(folder: Path, values: dict[str, Any], json_output: bool) -> None:
    """Says what was done, `values`, and what the index in `folder` holds now."""
    from splade_cli.index.index import SpladeIndex
    from splade_cli.index.store.opening import size_bytes

    index = SpladeIndex.open(folder)
    holds: dict[str, Any] = {
        "documents": index.documents,
        "chunks": len(index),
        "segments": len(index.segments),
        "megabytes": round(size_bytes(folder) / 1e6, 2),
        "index": str(folder),
    }
    console.facts(values | holds, json_output)
    console.next_command(f"splade query --index {folder}")


def verified(folder: Path, index: SpladeIndex, json_output: bool) -> None:
    """Says that an index is whole."""
    values = {
        "index": str(folder),
        "chunks": len(index),
        "segments": len(index.segments),
        "checksums": "match",
    }
    console.facts(values, json_output)


def merge_facts(merged: Merged | None) -> dict[str, Any]:
    """What a merge did, where there was one."""
    return {} if merged is None else {"segments merged": f"{merged.before} to {merged.after}"}


def fidelity(measured: Fidelity, folder: Path) -> None:
    """Says what the query encoder that an index carries loses against the model."""
    lost = measured.other - measured.full
    console.note(
        f"{measured.queries} queries written from these documents find their chunk with "
        f"MRR@10 {measured.other:.4f}, {measured.full:.4f} by the model itself ({lost:+.4f}); "
        f"{measured.common:.0%} of the ten best are the same"
    )
    console.note(f"on queries with judgements: splade evaluate --data DATA --index {folder}")


def _parts(index: SpladeIndex) -> list[str]:
    parts = ["postings"]
    if index.info.bm25 is not None:
        parts.append("BM25")
    if index.info.dense is not None:
        parts.append(f"vectors of {index.info.dense.model}")
    return parts


def _queries(info: QueryInfo | None) -> str:
    """What encodes the queries of an index, in words."""
    if info is None:
        return "by the model"
    weights = f" ({info.weights})" if info.weights else ""
    return f"{info.kind}{weights}, carried by the index"
