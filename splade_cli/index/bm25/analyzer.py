"""Text analysis for BM25: language, stop words and stemmer.

bm25s splits, drops stop words and stems with Snowball; the language of the texts decides the lists. Of
scripts without blanks the terms are character bigrams.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from splade_cli.index.bm25.scripts import BIGRAM, with_bigrams

WORD = re.compile(r"(?u)\b\w\w+\b")
_TERM = rf"(?u){BIGRAM}|\b\w\w+\b"
_TERMS = re.compile(_TERM)
STEMMED = (
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
"""Languages that have a list of stop words and a stemmer, and so can be told by their words."""
_NO_LANGUAGES = {"porter", "dutch_porter"}


def analysed(texts: Sequence[str], language: str) -> list[list[str]]:
    """The terms of each text, which are its stemmed words, in their order: those of `analysed_codes`, made
    without its tables, which take longer than a query."""
    dropped = stop_words(language)
    stemmer = _stemmer(language)
    terms: list[list[str]] = []
    for text in texts:
        words = _TERMS.findall(with_bigrams(text).lower())
        terms.append(stemmer.stemWords([word for word in words if word not in dropped]))
    return terms


def stems_of(words: Sequence[str], language: str) -> list[str]:
    """The stem of each word as it stands, stop words too."""
    stems: list[str] = _stemmer(language).stemWords(list(words))
    return stems


def analysed_codes(texts: Sequence[str], language: str) -> tuple[list[list[int]], list[str]]:
    """The same as codes, and the terms that they stand for, in an order that means nothing."""
    import bm25s

    tokens: Any = bm25s.tokenize(
        [with_bigrams(text) for text in texts],
        token_pattern=_TERM,
        stopwords=list(stop_words(language)),
        stemmer=_stemmer(language),
        return_ids=True,
        show_progress=False,
    )
    return tokens.ids, sorted(tokens.vocab, key=tokens.vocab.__getitem__)


@lru_cache(maxsize=16)
def stop_words(language: str, full: bool = False) -> frozenset[str]:
    """Function words of a language, as bm25s lists them; for English Lucene's short list unless `full`."""
    stopwords = _stop_word_lists()
    if language == "english":
        return frozenset(stopwords.STOPWORDS_EN_PLUS if full else stopwords.STOPWORDS_EN)
    return frozenset(getattr(stopwords, f"STOPWORDS_{language.upper()}", ()))


@lru_cache(maxsize=1)
def _stop_word_lists() -> Any:
    """The file of bm25s by itself: its package imports a compiler, which takes longer than a search."""
    package = find_spec("bm25s")
    assert package is not None and package.origin is not None
    spec = spec_from_file_location("bm25s_stopwords", Path(package.origin).with_name("stopwords.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@lru_cache(maxsize=16)
def _stemmer(language: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(language if language in snowball_languages() else "english")


@lru_cache(maxsize=1)
def snowball_languages() -> frozenset[str]:
    """Languages that this version of Snowball has a stemmer for."""
    import Stemmer

    return frozenset(Stemmer.algorithms()) - _NO_LANGUAGES
