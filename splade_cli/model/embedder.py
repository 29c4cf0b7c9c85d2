"""Texts in, sparse vectors out, as a user of the Python API meets them; loads its model when first asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scipy.sparse as sp

from splade_cli.records import EncoderInfo, Progress, silent

if TYPE_CHECKING:
    from splade_cli.model.loaded import LoadedModel
    from splade_cli.model.shards import Shards


class SpladeEmbedder:
    """A sparse encoder by name.

    Args:
        model_dir: ``tiny``, a model folder, or a hub id.
        device, precision: ``auto`` by default.
        batch_size: texts in a forward pass at most.
        max_seq_length: tokens read of a text; the model's limit by default.
        max_active: keep only so many largest weights of a text; of a CSR model, whose largest latents are a code of
            their own, this is its k.
        trust_remote_code, allow_pickle: see `model.load.load_splade_model`.
    """

    def __init__(
        self,
        model_dir: str | Path = "tiny",
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int = 64,
        max_seq_length: int | None = None,
        max_active: int | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        self.model_dir = str(model_dir)
        self.batch_size, self.max_active = batch_size, max_active
        self._options: dict[str, Any] = {
            "device": device,
            "precision": precision,
            "max_seq_length": max_seq_length,
            "trust_remote_code": trust_remote_code,
            "allow_pickle": allow_pickle,
        }
        self._loaded: LoadedModel | None = None

    @classmethod
    def from_loaded(cls, loaded: LoadedModel, batch_size: int = 64) -> SpladeEmbedder:
        """An embedder around a model that is loaded already."""
        embedder = cls(loaded.model.name, batch_size=batch_size)
        embedder._loaded = loaded
        return embedder

    @property
    def loaded(self) -> LoadedModel:
        """The loaded model: ``tokenizer, model, device``."""
        if self._loaded is None:
            from splade_cli.model.load import load_splade_model

            self._loaded = load_splade_model(self.model_dir, **self._options)
            if self.max_active is not None:
                self._loaded.model.max_active = self.max_active
        return self._loaded

    def encode(
        self, texts: Sequence[str], kind: str = "document", progress: Progress = silent
    ) -> sp.csr_matrix:
        """CSR float32 [len(texts), V]; `kind` is ``document`` or ``query``."""
        from splade_cli.model.encode import encode

        return encode(self.loaded, texts, kind, batch_size=self.batch_size, progress=progress)

    def encode_kept(self, texts: Sequence[str], folder: Path, progress: Progress = silent) -> sp.csr_matrix:
        """Like `encode` for documents, with finished windows kept in `folder`, so that a killed run goes on."""
        return self.encode_shards(texts, folder, total=len(texts), progress=progress).matrix()

    def encode_shards(
        self,
        texts: Iterable[str],
        folder: Path,
        *,
        sample: Sequence[str] = (),
        workers: int = 1,
        total: int | None = None,
        progress: Progress = silent,
    ) -> Shards:
        """Documents to shards in `folder`, never all in memory; see `model.shards.encode_to_shards`.

        Args:
            sample: some of `texts`; where precision is ``auto``, int8 is used if these rank alike in it.
        """
        from splade_cli.model.shards import encode_to_shards, settle_precision

        if sample and self._options["precision"] == "auto":
            self._loaded = settle_precision(self.loaded, sample)
        return encode_to_shards(
            self.loaded,
            texts,
            folder,
            batch_size=self.batch_size,
            workers=workers,
            total=total,
            progress=progress,
        )

    def generate_sparse_embeddings(
        self, texts: Sequence[str], kind: str = "document"
    ) -> list[dict[str, list[Any]]]:
        """One ``{"indices": [int, ...], "values": [float, ...]}`` a text, indices ascending."""
        matrix = self.encode(texts, kind)
        return [
            {"indices": row.indices.tolist(), "values": row.data.tolist()}
            for row in (matrix[number] for number in range(matrix.shape[0]))
        ]

    @property
    def place(self) -> dict[str, Any]:
        """Where, and how trustingly, further models are to be opened: ``device`` and what was allowed."""
        return {name: self._options[name] for name in ("device", "trust_remote_code", "allow_pickle")}

    @property
    def vocabulary(self) -> list[str]:
        """The V names of the columns, none where they are latents; one that the tokenizer does not know is a number."""
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
