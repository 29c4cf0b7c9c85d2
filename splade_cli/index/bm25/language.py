"""Language identification: of a name or code that is given, or by script and function words of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from splade_cli.errors import OptionError, did_you_mean
from splade_cli.index.bm25.analyzer import STEMMED, WORD, snowball_languages, stop_words
from splade_cli.index.bm25.scripts import SCRIPTS, language_of_script

Certainty = Literal["given", "sure", "likely", "unknown"]
SURE_SHARE = 0.15
"""Of all words, those that are function words of their language: 25-40% of prose, 15% of source code."""
SURE_LEAD = 1.2
"""Times the share of the next language: Norwegian, which has most words of Danish, leads it by 1.24."""
LIKELY_SHARE = 0.05
_FEWEST_WORDS = 50
_CODES = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "ja": "japanese",
    "km": "khmer", "ko": "korean", "lo": "lao", "lt": "lithuanian", "my": "burmese", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "th": "thai",
    "tr": "turkish", "zh": "chinese",
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """The language of texts, and what says so.

    Attributes:
        certainty: ``given`` by the user; ``sure`` where a script of its own says so, or its function words
            are many of all words and clearly more than those of the next language; ``likely`` where they are
            the most; ``unknown`` where no language stands out, and English is taken.
        evidence: what was counted, in words.
    """

    name: str
    certainty: Certainty = "given"
    evidence: str = ""

    def __str__(self) -> str:
        if self.certainty == "given":
            return f"{self.name} (as given)"
        if self.certainty == "unknown":
            return f"{self.name} (for want of a better guess: {self.evidence})"
        return f"{self.name} (guessed, {self.certainty}: {self.evidence})"


def named_language(name: str) -> Language | None:
    """The language of a name or an ISO 639-1 code with or without a region: ``norwegian``, ``no``, ``pt-BR``.

    None where there are neither words of it to drop, nor a stemmer, nor a script of its own.
    """
    given = name.strip().lower()
    found = _CODES.get(given.replace("_", "-").partition("-")[0], given)
    if found in SCRIPTS or found in snowball_languages():
        return Language(found)
    return None


def required_language(name: str) -> Language:
    """The language of a name or code. Raises InputError where it is none that words are counted in."""
    language = named_language(name)
    if language is not None:
        return language
    known = sorted({*SCRIPTS, *snowball_languages()})
    hint = did_you_mean(name.strip().lower(), known) or f"a code such as no, or one of {', '.join(known)}"
    raise OptionError(f"unknown language '{name}'", hint, option="language")


def guess_language(texts: Sequence[str], sample: int = 200) -> str:
    """The name of the language that `identify_language` finds."""
    return identify_language(texts, sample).name


def identify_language(texts: Sequence[str], sample: int = 200) -> Language:
    """The language of a sample of `texts`: that of their script, or whose function words cover most of them.

    ``english`` where neither says anything.
    """
    step = max(1, len(texts) // sample)
    pieces = [text[:1000].lower() for text in texts[::step][:sample]]
    by_script = language_of_script("".join(pieces))
    if by_script is not None:
        return Language(by_script, "sure", "by its script")
    words = Counter(word for piece in pieces for word in WORD.findall(piece))
    covered = {name: sum(words[word] for word in stop_words(name)) for name in STEMMED}
    ranked = sorted(covered, key=lambda name: (covered[name], name == "english"), reverse=True)
    first, second = ranked[:2]
    total = max(1, words.total())
    share = covered[first] / total
    next_share = covered[second] / total
    evidence = f"function words {share:.0%} of all, {second} {next_share:.0%}"
    if share < LIKELY_SHARE or covered[first] == covered[second]:
        name = first if covered[first] else "english"
        return Language(name, "unknown", evidence)
    is_sure = share >= SURE_SHARE and share >= SURE_LEAD * next_share and words.total() >= _FEWEST_WORDS
    return Language(first, "sure" if is_sure else "likely", evidence)
