"""BM25 over texts, through bm25s: texts in, ranked rows out; knows no vectors and no files.

Lucene's variant and defaults (k1 = 1.2, b = 0.75); stop words and Snowball stemmer by the language of the texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import require_positive

K1, B = 1.2, 0.75
_WORD = re.compile(r"(?u)\b\w\w+\b")
_STEMMERS = (
    "english",
    "norwegian",
    "danish",
    "swedish",
    "german",
    "dutch",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "russian",
)


class Bm25:
    """A BM25 index of `texts`; the language decides stop words and stemmer, and is guessed where not given."""

    def __init__(self, texts: Sequence[str], language: str | None = None) -> None:
        import bm25s

        self.language = language or guess_language(texts)
        self._size = len(texts)
        self._model = bm25s.BM25(k1=K1, b=B, method="lucene")
        tokens = self._tokens(texts)
        self._empty = not tokens.vocab
        if not self._empty:
            self._model.index(tokens, show_progress=False)

    def search(self, queries: Sequence[str], k: int = 10) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows int64 [q, k] and scores float32 [q, k], best first, ties by row; empty places -1 and -inf."""
        require_positive(k=k)
        numbers = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        if self._empty:
            return numbers, scores
        for place, query in enumerate(queries):
            words = self._tokens([query], as_words=True)[0]
            if not words:
                continue
            every = self._model.get_scores(words)
            found = np.flatnonzero(every > 0)
            order = np.lexsort((found, -every[found]))[:k]
            numbers[place, : len(order)], scores[place, : len(order)] = found[order], every[found[order]]
        return numbers, scores

    def words(self, text: str) -> list[str]:
        """The stemmed words of `text` that BM25 counts."""
        found: list[str] = self._tokens([text], as_words=True)[0]
        return found

    def _tokens(self, texts: Sequence[str], as_words: bool = False) -> Any:
        import bm25s

        return bm25s.tokenize(
            list(texts),
            stopwords=list(stop_words(self.language)),
            stemmer=_stemmer(self.language),
            return_ids=not as_words,
            show_progress=False,
        )


def guess_language(texts: Sequence[str], sample: int = 200) -> str:
    """The language whose stop words cover most of a sample of `texts`; ``english`` where none does."""
    step = max(1, len(texts) // sample)
    words = Counter(word for text in texts[::step][:sample] for word in _WORD.findall(text[:1000].lower()))
    covered = {name: sum(words[word] for word in stop_words(name)) for name in _STEMMERS}
    best = max(covered, key=lambda name: (covered[name], name == "english"))
    return best if covered[best] else "english"


@lru_cache(maxsize=16)
def stop_words(language: str, full: bool = False) -> frozenset[str]:
    """Function words of a language, as bm25s lists them; for English Lucene's short list unless `full`."""
    from bm25s import stopwords

    if language == "english":
        return frozenset(stopwords.STOPWORDS_EN_PLUS if full else stopwords.STOPWORDS_EN)
    return frozenset(getattr(stopwords, f"STOPWORDS_{language.upper()}", ()))


@lru_cache(maxsize=16)
def _stemmer(language: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(language if language in _STEMMERS else "english")
