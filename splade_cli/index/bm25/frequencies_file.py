"""Term frequencies in a container, with their impacts as posting lists."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from splade_cli.index.bm25.frequencies import K1, B, TermFrequencies
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.containers.dictionary import TextDictionary
from splade_cli.index.containers.plain_json import plain_json
from splade_cli.index.containers.stored_rows import StoredRows
from splade_cli.index.engine.postings_file import open_postings, write_postings

NAME = "bm25"
POSTINGS = f"{NAME}.postings."


def write_frequencies(out: ContainerWriter, frequencies: TermFrequencies) -> None:
    """Writes them as tensors and metadata whose names begin with ``bm25``."""
    counts = frequencies.rows.whole
    out.add(f"{NAME}.counts.indptr", counts.indptr.astype(np.int64))
    out.add(f"{NAME}.counts.indices", counts.indices.astype(np.int32, copy=False))
    out.add(f"{NAME}.counts.data", counts.data)
    out.add(f"{NAME}.lengths", frequencies.lengths)
    out.add(f"{NAME}.document_frequencies", frequencies.document_frequencies)
    out.add(f"{NAME}.terms.text", frequencies.terms.text)
    out.add(f"{NAME}.terms.ends", frequencies.terms.ends)
    facts = {"language": frequencies.language, "mean_length": frequencies.mean_length, "k1": K1, "b": B}
    out.metadata[NAME] = json.dumps(facts)
    write_postings(out, POSTINGS, [frequencies.impacts()], counts.shape[1])


def open_frequencies(container: Container) -> TermFrequencies:
    """Opens what `write_frequencies` wrote, memory-mapped.

    Raises:
        ValueError, IndexFolderError: tensors are missing, or do not fit.
    """
    file = container.file
    data = container.tensor(f"{NAME}.counts.data", np.uint8, np.uint16, np.uint32)
    indices = container.tensor(f"{NAME}.counts.indices", np.int32)
    indptr = container.tensor(f"{NAME}.counts.indptr", np.int64)
    lengths = container.tensor(f"{NAME}.lengths", np.int32)
    document_frequencies = container.tensor(f"{NAME}.document_frequencies", np.int32)
    text = container.tensor(f"{NAME}.terms.text", np.uint8)
    ends = container.tensor(f"{NAME}.terms.ends", np.int64)
    file.require_arrays(ends[-1:])
    if len(text) != (int(ends[-1]) if len(ends) else 0):
        raise ValueError("the terms of BM25 do not fit")
    if len(indptr) != len(lengths) + 1 or len(document_frequencies) != len(ends):
        raise ValueError("the sizes of the BM25 part do not fit")
    try:
        facts: Any = plain_json(container.metadata[NAME])
        language = str(facts["language"])
        mean_length = float(facts["mean_length"])
    except (KeyError, TypeError):
        raise ValueError("what is said of the BM25 part cannot be read") from None
    if not 0 <= mean_length < math.inf:
        raise ValueError(f"the mean length of the BM25 part is {mean_length}")
    postings = open_postings(container, POSTINGS)
    if postings.shape != (len(lengths), len(ends)):
        raise ValueError("the postings of the BM25 part do not fit")
    return TermFrequencies(
        StoredRows((data, indices, indptr), (len(lengths), len(ends)), file),
        TextDictionary(text, ends, file=file),
        language,
        mean_length,
        lengths=lengths,
        document_frequencies=document_frequencies,
        postings=postings,
        file=file,
    )
