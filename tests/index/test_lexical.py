"""BM25 against Lucene's formula written out; languages; edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.index.lexical import K1, B, Bm25, guess_language, stop_words

TEXTS = [
    "the backup runs every night and the backup is kept",
    "reset the password of the account",
    "the password and the backup",
    "",
    "reset the password of the account",
]
LANGUAGES = {
    "english": "The backups are kept for thirty days and then they will be deleted by the server.",
    "norwegian": "Sikkerhetskopiene blir tatt vare på i tretti dager, og så blir de slettet av serveren.",
    "german": "Die Sicherungen werden für dreißig Tage aufbewahrt und dann von dem Server gelöscht.",
    "french": "Les sauvegardes sont gardées pendant trente jours et ensuite elles sont effacées par le serveur.",
}


def formula(query: list[str], documents: list[list[str]]) -> np.ndarray:
    """Lucene: idf = ln(1 + (N - n + 0.5) / (n + 0.5)), tf / (tf + k1 (1 - b + b length / mean))."""
    mean = sum(map(len, documents)) / len(documents)
    scores = np.zeros(len(documents))
    for word in query:
        holding = sum(word in document for document in documents)
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for number, document in enumerate(documents):
            frequency = document.count(word)
            scores[number] += idf * frequency / (frequency + K1 * (1 - B + B * len(document) / mean))
    return scores


@pytest.mark.parametrize("query", ["password backup", "reset", "account passwords", "backup backup night"])
def test_scores_against_the_formula(query: str) -> None:
    index = Bm25(TEXTS, "english")
    expected = formula(index.words(query), [index.words(text) for text in TEXTS])
    rows, scores = index.search([query], 10)
    found = {int(row): float(score) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0}
    assert found == pytest.approx({row: score for row, score in enumerate(expected) if score > 0}, rel=1e-5)
    assert list(rows[0][: len(found)]) == sorted(found, key=lambda row: (-found[row], row)), "ties by row"
    assert (rows[0][len(found) :] == -1).all()
    assert np.isneginf(scores[0][len(found) :]).all()


def test_edges() -> None:
    index = Bm25(TEXTS, "english")
    rows, scores = index.search(["the of and", "", "zebra", "password"], 2)
    assert (rows[:3] == -1).all()
    assert rows[3].tolist() == [2, 1]
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert index.search([], 3)[0].shape == (0, 3)
    with pytest.raises(InputError, match="--k must be above 0"):
        index.search(["password"], 0)


@pytest.mark.parametrize("texts", [[""], ["the of and"], []])
def test_nothing_to_index(texts: list[str]) -> None:
    rows, _ = Bm25(texts, "english").search(["password"], 2)
    assert rows.tolist() == [[-1, -1]]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_languages_are_guessed(language: str) -> None:
    assert guess_language([LANGUAGES[language]] * 3 + ["12345"]) == language
    assert Bm25([LANGUAGES[language]]).language == language


def test_without_words_it_is_english() -> None:
    assert guess_language(["", "12 34", "日本語"]) == guess_language([]) == "english"


def test_stemming_follows_the_language() -> None:
    assert Bm25(TEXTS, "english").words("passwords resetting") == ["password", "reset"]
    rows, _ = Bm25(["sikkerhetskopiene slettes"] * 2, "norwegian").search(["sikkerhetskopi"], 1)
    assert rows.tolist() == [[0]]


def test_stop_words() -> None:
    assert {"the", "and"} <= stop_words("english") < stop_words("english", full=True)
    assert "ikke" in stop_words("norwegian")
    assert stop_words("klingon") == frozenset()
