"""Tokens of chunks: where they start, how many the model reads, and that it reads every chunk to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.corpus.chunks import BY_TOKENS, split_documents
from splade_cli.errors import ModelError
from splade_cli.model.embedder import text_model_of
from splade_cli.model.encoding.text_tokens import PIECE, TextTokens
from splade_cli.model.layout import resolve
from splade_cli.model.options import ModelOptions
from splade_cli.records import Document

WORDS = "The table saw needs a sharp blade; unbelievably 3.14159 größere Sägeblätter. "
LANGUAGES = {
    "english": WORDS * 60,
    "chinese": "数据库备份保留三十天。服务器每天晚上发送邮件。" * 60,
    "thai": "ระบบสำรองข้อมูลทุกคืน" * 400,
    "emoji": "👩‍💻🎉 " * 400,
    "one word": "x" * 6000,
    "links": "https://example.org/" + "a1B2c3D4" * 30 + " " + WORDS * 20,
    "headings": "".join(f"\n\n{'#' * (1 + n % 6)} {WORDS}\n\nText." for n in range(40)),
    "code": "```\n" + "value_one = some_call(argument, 'text')[0]\n" * 90 + "```",
}


@pytest.fixture(scope="module")
def tokens() -> TextTokens:
    found = TextTokens.of_folder(Path(resolve("tiny")), None)
    assert found is not None
    return found


def test_what_a_folder_says_is_what_the_model_has(tokens: TextTokens, embedder: Any) -> None:
    loaded = TextTokens.of_model(embedder.loaded)
    assert loaded is not None
    assert tokens.window == loaded.window == embedder.loaded.model.max_seq_length - 2
    assert TextTokens.of_folder(Path(resolve("tiny")), 64).window == 62  # type: ignore[union-attr]
    assert tokens.count(WORDS) == loaded.count(WORDS) == len(embedder.loaded.tokenizer.tokenize(WORDS))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_text_has_the_tokens_of_its_pieces(tokens: TextTokens, language: str) -> None:
    text = LANGUAGES[language]
    text = text * (3 * PIECE // len(text) + 1)
    whole = [start for start, _ in tokens._tokenizer.encode(text, add_special_tokens=False).offsets]
    found = tokens.starts(text)
    assert np.all(np.diff(found) >= 0)
    if language != "one word":  # which is one token, and one a piece here
        assert set(whole) <= set(found.tolist())
        assert len(found) <= len(whole) + 4


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("limit", [32, 64, None])
def test_the_model_reads_every_chunk_to_its_end(language: str, limit: int | None, embedder: Any) -> None:
    model = text_model_of("tiny", ModelOptions(max_seq_length=limit))
    assert model.tokens is not None
    document = Document("d", LANGUAGES[language], f"The title of it: {language} " * 3)
    chunks = split_documents([document], BY_TOKENS.read_by(model), model)
    assert len(chunks) > 1
    tokenizer = embedder.loaded.tokenizer
    lengths = [len(tokenizer(chunk.content, verbose=False)["input_ids"]) for chunk in chunks]
    assert max(lengths) <= (limit or 256)


def test_a_prompt_takes_its_place(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = embedder.text_model.tokens.window
    monkeypatch.setattr(embedder.loaded.model, "prompts", {"document": "passage: ", "query": "a long one"})
    assert embedder.text_model.tokens.window == plain - 2


def test_a_damaged_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes((Path(resolve("tiny")) / "tokenizer.json").read_bytes())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json is damaged"):
        text_model_of(str(tmp_path), ModelOptions())
