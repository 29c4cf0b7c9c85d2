"""Sparse encoder of the Python API: texts to sparse vectors, by a model that is loaded when first asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import scipy.sparse as sp

from splade_cli.corpus.segmentation.text_model import TextModel
from splade_cli.model.options import ModelKeywords, ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import EncoderInfo

if TYPE_CHECKING:
    from splade_cli.model.encoding.truncation import Truncation
    from splade_cli.model.loaded import LoadedModel
    from splade_cli.storage.cache import Cache


def text_model_of(model: str | SpladeEmbedder, options: ModelOptions) -> TextModel:
    """What chunking needs to know of a model; a plain masked language model is loaded only to encode.

    Raises:
        ModelError: no such model, or one that cannot be loaded.
    """
    from splade_cli.model.encoding.text_tokens import TextTokens
    from splade_cli.model.layout import resolve

    if not isinstance(model, str):
        return model.text_model
    embedder = SpladeEmbedder(model, options)
    tokens = TextTokens.of_folder(Path(resolve(model)), options.max_seq_length)
    if tokens is None:
        return embedder.text_model
    return TextModel(tokens, embedder.encode)


class SparseEmbedding(TypedDict):
    """The non-zero weights of a text, `indices` ascending."""

    indices: list[int]
    values: list[float]


class SpladeEmbedder:
    """A sparse encoder by name.

    Args:
        model_dir: ``tiny``, a model folder, or a hub id.
        options: how to open it; automatic device and precision, and no trust, by default.
        max_active: keep only so many largest weights of a text; of a CSR model, whose largest latents are a
            code of their own, this is its k.
        max_length: tokens read of a text, the same as `max_seq_length`.
        keywords: fields of `ModelOptions`, such as ``device`` and ``batch_size``, which go before those of
            `options`.
    """

    def __init__(
        self,
        model_dir: str | Path = "tiny",
        options: ModelOptions | None = None,
        *,
        max_active: int | None = None,
        max_length: int | None = None,
        **keywords: Unpack[ModelKeywords],
    ) -> None:
        self.model_dir = str(model_dir)
        if max_length is not None:
            keywords["max_seq_length"] = max_length
        self.options = replace(options or ModelOptions(), **keywords)
        self.max_active = max_active
        self._loaded: LoadedModel | None = None

    @classmethod
    def from_loaded(cls, loaded: LoadedModel, batch_size: int = 64) -> SpladeEmbedder:
        """An embedder around a model that is loaded already."""
        embedder = cls(loaded.model.name, batch_size=batch_size)
        embedder._loaded = loaded
        return embedder

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    @property
    def loaded(self) -> LoadedModel:
        """The loaded model: ``tokenizer, model, device``."""
        if self._loaded is None:
            from splade_cli.model.load import load_splade_model

            self._loaded = load_splade_model(self.model_dir, self.options)
            if self.max_active is not None:
                self._loaded.model.max_active = self.max_active
        return self._loaded

    def encode(
        self,
        texts: Sequence[str],
        kind: str = "document",
        progress: Progress = silent,
        *,
        cache: Cache | None = None,
    ) -> sp.csr_matrix:
        """CSR float32 [len(texts), V]; `kind` is ``document`` or ``query``.

        Args:
            cache: where encoded windows of documents are looked up and kept, so that a killed run goes on.
        """
        from splade_cli.model.encode import encode, stack

        if cache is None or kind != "document":
            return encode(self.loaded, texts, kind, batch_size=self.options.batch_size, progress=progress)
        encoded = list(self.encode_windows(texts, cache, total=len(texts), progress=progress))
        return stack(encoded, self.loaded.model.dimensions)

    def encode_windows(
        self,
        texts: Iterable[str],
        cache: Cache | None = None,
        *,
        workers: int = 1,
        total: int | None = None,
        progress: Progress = silent,
    ) -> Iterator[sp.csr_matrix]:
        """Document vectors window by window, not all in memory; see `encoding.windows.encode_windows`."""
        from splade_cli.model.encoding.windows import encode_windows

        return encode_windows(
            self.loaded,
            texts,
            cache,
            batch_size=self.options.batch_size,
            workers=workers,
            total=total,
            progress=progress,
        )

    def settle_precision(self, sample: Sequence[str]) -> None:
        """Takes a lower precision where it is ``auto``, one is faster here and `sample` ranks alike."""
        from splade_cli.model.splade.automatic_precision import settle_precision

        if self.options.precision == "auto":
            self._loaded = settle_precision(self.loaded, sample)

    def take_kept_precision(self, texts: Iterable[str], cache: Cache) -> bool:
        """Whether a cache holds the first window of `texts` in a precision that ``auto`` may come to, which
        is then taken: what one command encoded is not encoded again for another that would choose anew."""
        from splade_cli.model.encoding.windows import kept_precision
        from splade_cli.model.splade.automatic_precision import lower_precisions

        if self.options.precision != "auto":
            return False
        loaded = self.loaded
        kept = kept_precision(loaded, texts, cache, (loaded.device.precision, *lower_precisions(loaded)))
        if kept is not None and kept != loaded.device.precision:
            self._loaded = loaded.with_precision(kept, "as these texts are kept")
        return kept is not None

    @property
    def text_model(self) -> TextModel:
        """What chunking needs to know of the model."""
        from splade_cli.model.encoding.text_tokens import TextTokens

        return TextModel(TextTokens.of_model(self.loaded), self.encode)

    def truncation(self, texts: Sequence[str]) -> Truncation:
        """How much of `texts` as documents lies beyond the tokens that the model reads."""
        from splade_cli.model.encoding.truncation import truncation_of

        return truncation_of(self.loaded, texts)

    def encode_text(self, text: str, kind: str = "document") -> SparseEmbedding:
        """``{"indices": [int, ...], "values": [float, ...]}`` of one text, indices ascending."""
        return self.generate_sparse_embeddings([text], kind)[0]

    def generate_sparse_embeddings(
        self, texts: Sequence[str], kind: str = "document"
    ) -> list[SparseEmbedding]:
        """One ``{"indices": [int, ...], "values": [float, ...]}`` a text, indices ascending."""
        matrix = self.encode(texts, kind)
        embeddings: list[SparseEmbedding] = []
        for number in range(matrix.shape[0]):
            row = matrix[number]
            embeddings.append({"indices": row.indices.tolist(), "values": row.data.tolist()})
        return embeddings

    @property
    def vocabulary(self) -> list[str]:
        """Names of the V columns, numbers for those that the tokenizer does not know; none of latents."""
        if self.loaded.model.architecture in ("csr", "laspar"):
            return []
        names = [f"[{number}]" for number in range(self.loaded.model.dimensions)]
        for token, number in self.loaded.tokenizer.get_vocab().items():
            if number < len(names):
                names[number] = token
        return names

    @property
    def description(self) -> EncoderInfo:
        """What an index keeps of its model."""
        model = self.loaded.model
        name = model.name
        if Path(name).expanduser().is_dir():
            name = str(Path(name).expanduser().resolve())
        return EncoderInfo(name, model.identity, model.max_seq_length, self.loaded.device.precision)
