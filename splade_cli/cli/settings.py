"""Flags of several commands as the records that the library takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.cli.options import checks, ranking

if TYPE_CHECKING:
    from splade_cli.corpus.chunks import Chunking
    from splade_cli.corpus.options import ReadingOptions
    from splade_cli.generation.llm.options import Llm
    from splade_cli.model.options import ModelOptions
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.searcher import Searcher


def open_index(
    index: Path | None,
    model: str | None,
    chosen: SearchOptions,
    backend: str | None,
    opening: ModelOptions,
    load: bool = True,
    engine: str | None = None,
) -> Searcher:
    """An index folder, or an engine, as the searcher that `search` and `query` ask; `backend` as --backend
    has it. Raises UsageError where neither is named."""
    from splade_cli.cli.usage import UsageError

    if index is None and engine is None:
        raise UsageError("no index is named", "make one: splade index DOCS -o index; then add --index index")
    checks.require_index(index)
    checks.require_there(chosen.expansion)

    from splade_cli.search.searcher import Searcher

    return Searcher.open(
        index,
        model=model,
        options=chosen,
        backend=ranking.backend_name(backend),
        model_options=opening,
        few_queries=True,
        load=load,
        engine=engine,
    )


def reading(
    max_file_size: float,
    max_file_seconds: float,
    follow_links: bool,
    extensions: str | None,
    include: Sequence[str] | None,
    exclude: Sequence[str] | None,
    ignored: bool,
    keep_duplicates: bool,
) -> ReadingOptions:
    """The flags of reading a folder. Raises UsageError for a limit that is not above 0, or for no pattern."""
    from splade_cli.corpus.options import ReadingOptions

    checks.positive(max_file_size=max_file_size, max_file_seconds=max_file_seconds)
    endings = (extensions or "").replace(",", " ").split()
    return ReadingOptions(
        max_file_size,
        max_file_seconds,
        follow_links,
        tuple(endings),
        tuple(include or ()),
        tuple(exclude or ()),
        ignored,
        keep_duplicates,
    )


def chunking(
    tokens: int | None,
    size: int | None,
    least: int | None,
    most: int | None,
    overlap: float,
    chunker: str,
) -> Chunking:
    """The flags of cutting documents: sizes in tokens, or in characters where one of those is given.

    Raises UsageError for both at once.
    """
    from splade_cli.cli.usage import UsageError
    from splade_cli.corpus import chunks

    characters = {"--chunk-size": size, "--chunk-min": least, "--chunk-max": most}
    given = [f"{flag} {value}" for flag, value in characters.items() if value is not None]
    if not given:
        wished = chunks.TOKENS if tokens is None else tokens
        return chunks.Chunking(tokens=wished, overlap=overlap, chunker=chunker)
    if tokens is not None:
        raise UsageError(
            f"--chunk-tokens {tokens} with {given[0]}, which counts characters", "choose one of the two units"
        )
    return chunks.Chunking(
        chunks.MIN_CHARS if least is None else least,
        chunks.MAX_CHARS if most is None else most,
        chunks.TARGET_CHARS if size is None else size,
        overlap,
        chunker=chunker,
    )


def proportions(kinds: str | None) -> dict[str, float]:
    """``question=3,typo`` as parts by kind, 1 where none is named; nothing where None.

    Raises:
        UsageError: another shape.
    """
    from splade_cli.cli.usage import UsageError

    found: dict[str, float] = {}
    for pair in (kinds or "").split(","):
        name, has_part, part = (word.strip() for word in pair.partition("="))
        if not name and not has_part:
            continue
        if name in found:
            raise UsageError(f"--kinds names {name} twice", "one number a kind")
        try:
            found[name] = float(part) if has_part else 1.0
        except ValueError:
            raise UsageError(f"--kinds takes KIND=NUMBER, got '{pair}'", "e.g. question=3,typo=1") from None
    if kinds is not None and not found:
        raise UsageError("--kinds names no kind", "e.g. --kinds question=3,typo=1")
    return found


def model_options(
    device: str,
    trust_remote_code: bool,
    allow_pickle: bool,
    *,
    batch_size: int = 64,
    precision: str = "auto",
    max_length: int | None = None,
) -> ModelOptions:
    """The flags of how models are opened."""
    from splade_cli.model.options import ModelOptions

    return ModelOptions(
        device=device,
        precision=precision,
        batch_size=batch_size,
        max_seq_length=max_length,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )


def rephraser(model: str | None, base_url: str | None, answers: Path | None) -> Llm | None:
    """The language model that writes paraphrases, where one is to."""
    if model is None:
        return None
    from splade_cli.generation.llm.options import Llm

    return Llm(model, base_url=base_url, answers=answers)
