"""Scripts without blanks between words, and the character bigrams that stand for their words in BM25.

Overlapping pairs of characters are what Lucene's CJKBigramFilter makes of Han, Kana and Hangul; a character
between two other scripts stands alone. Thai, Lao, Khmer and Burmese are treated alike.
"""

from __future__ import annotations

import re
import unicodedata

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Of a character class: Thai, Lao, Burmese, Khmer, Kana, Han."""
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
"""Of a character class: Korean has blanks, but writes particles at its words."""
BIGRAM = rf"[{UNSPACED}{HANGUL}]{{1,2}}"
"""A pattern of one bigram, or a character that stands alone."""
_RUN = re.compile(rf"[{UNSPACED}{HANGUL}]+")
_SIGNS = re.compile(r"[\u0e2f\u0e46\u0e4f-\u0e5b\u104a-\u104f\u17d4-\u17db\u30fb]+")
_HALF_WIDTH = re.compile(r"[\uff66-\uff9f]+")
_LANGUAGES = {
    "japanese": re.compile(r"[\u3040-\u30ff\uff66-\uff9f]"),
    "chinese": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"),
    "korean": re.compile(rf"[{HANGUL}]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "lao": re.compile(r"[\u0e80-\u0eff]"),
    "burmese": re.compile(r"[\u1000-\u109f]"),
    "khmer": re.compile(r"[\u1780-\u17ff]"),
}
SCRIPTS = frozenset(_LANGUAGES)
"""Languages that are told by their script alone."""
_KANA_SHARE = 0.1


def with_bigrams(text: str) -> str:
    """`text` with each run of these scripts as its bigrams, blanks between them."""
    if text.isascii() or not _RUN.search(text):
        return text
    return _RUN.sub(_bigrams, _SIGNS.sub(" ", text))


def _bigrams(run: re.Match[str]) -> str:
    letters = _HALF_WIDTH.sub(_full_width, run[0])
    if len(letters) == 1:
        return f" {letters} "
    return " " + " ".join(letters[start : start + 2] for start in range(len(letters) - 1)) + " "


def _full_width(kana: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", kana[0])


def language_of_script(text: str) -> str | None:
    """The language that half of the letters of `text`, or more, are of, by their script alone.

    Han with a tenth of Kana beside it is Japanese; None where most letters are of no script of these.
    """
    letters = sum(letter.isalpha() for letter in text)
    counts = {language: len(pattern.findall(text)) for language, pattern in _LANGUAGES.items()}
    if 2 * sum(counts.values()) < letters or not letters:
        return None
    if counts["japanese"] > _KANA_SHARE * counts["chinese"]:
        counts["japanese"] += counts["chinese"]
    return max(counts, key=counts.__getitem__)
