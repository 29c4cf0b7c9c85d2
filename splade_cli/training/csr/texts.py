"""Texts that an autoencoder learns from: chunks of documents, and excerpts as short as queries."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

from splade_cli.corpus.chunks import BY_TOKENS, split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.datasets.formats.beir import read_corpus
from splade_cli.errors import InputError
from splade_cli.model.embedder import text_model_of
from splade_cli.model.layout import DEFAULT_MODEL
from splade_cli.model.options import ModelOptions
from splade_cli.records import Chunk

SHORTEST = 5
LONGEST = 40
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
"""Words of an excerpt, and where one may end."""


def corpus_texts(path: Path) -> list[str]:
    """Texts of a BEIR folder's corpus, or of the chunks of a file or folder of documents.

    Raises:
        InputError: nothing to read.
    """
    if (path / "corpus.jsonl").is_file():
        documents = read_corpus(path / "corpus.jsonl")
        texts = [Chunk(each.id, each.id, each.text, each.title).content for each in documents]
    else:
        model = text_model_of(DEFAULT_MODEL, ModelOptions())  # as training data are cut
        chunks = split_documents(read_documents(path).documents, BY_TOKENS.read_by(model), model)
        texts = [chunk.content for chunk in chunks]
    different = [text for text in dict.fromkeys(texts) if text.strip()]
    if not different:
        raise InputError(f"{path} holds no text", "name a folder of documents, or a BEIR folder")
    return different


def excerpts(texts: Sequence[str], seed: int) -> list[str]:
    """Of each text its first line, if it is a short one, and a sentence: texts as short as queries are.

    An autoencoder that has only seen whole documents codes queries worse (see docs/experiments.md).
    """
    generator = random.Random(seed)
    short = []
    for text in texts:
        first, _, rest = text.partition("\n")
        if rest.strip() and len(first.split()) <= LONGEST:
            short.append(first.strip("# "))
        sentences = [
            part for part in SENTENCE_END.split(rest or text) if SHORTEST <= len(part.split()) <= LONGEST
        ]
        if sentences:
            short.append(generator.choice(sentences))
    return list(dict.fromkeys(short))
