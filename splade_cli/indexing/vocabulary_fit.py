"""Tokenizer fertility on a corpus [Rust et al. 2021, arXiv 2012.15613]: tokens a word, held against English.

A sparse model matches entries of its vocabulary. Of a language that it was not made for it knows words in
pieces that say nothing, or not at all, and no weight makes up for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from splade_cli.index.bm25.language import Language
from splade_cli.index.bm25.scripts import HANGUL, UNSPACED

WORDS = 5000
"""Words that are looked at."""
MOST_PIECES = 1.5
"""Times the tokens that the same tokenizer makes of an English word.

Measured with the vocabulary of BERT: 1.1-1.3 for English documentation and medicine, 1.4 for source code, 2.2
for Norwegian articles; of a few sentences each, 1.7 for French, 2.1 for German, 2.8 for Finnish, 3.2 Polish.
"""
MOST_UNKNOWN = 0.05
"""Of the tokens: 0 in scripts whose letters are in the vocabulary of BERT; Chinese 0.8, Japanese 0.25."""
TRAINED = "opensearch-project/opensearch-neural-sparse-encoding-multilingual-v1"
SCANDINAVIAN = frozenset({"norwegian", "danish", "swedish"})
_RUN = re.compile(r"\w+")
# Where no blanks part words a character counts as one, and in Hangul, whose words carry their particles.
_UNIT = re.compile(rf"[{UNSPACED}{HANGUL}]|[^\W{UNSPACED}{HANGUL}]+")
_ENGLISH = (
    "Turn off the power before you open the case, and wait until the lamp has gone out. If the door does not "
    "close, clean the edge with a soft cloth and try again. You can change your password in the settings; a "
    "code is sent to your address, and the old one stops working after an hour. Keep a copy of the files in "
    "another place, because a disk may fail without any warning. The report shows how many people visited "
    "the page last month, which words they searched for, and how long they stayed there."
)


@dataclass(frozen=True)
class VocabularyFit:
    """How well a tokenizer's vocabulary fits some texts.

    Attributes:
        tokens: that a word of the texts is cut into, on average.
        english: the same of English words.
        unknown: share of the tokens that stand for anything that is not in the vocabulary.
    """

    tokens: float
    english: float
    unknown: float

    @property
    def falls_apart(self) -> bool:
        """Whether words are cut into clearly more pieces than English ones."""
        return self.tokens >= MOST_PIECES * self.english

    @property
    def is_unknown(self) -> bool:
        """Whether much of the texts stands for nothing in the vocabulary."""
        return self.unknown >= MOST_UNKNOWN

    @property
    def fits(self) -> bool:
        """Whether words are known about as whole as English ones."""
        return not self.falls_apart and not self.is_unknown


def vocabulary_fit(tokenizer: Any, texts: Sequence[str]) -> VocabularyFit:
    """How the vocabulary of a Hugging Face tokenizer fits the first `WORDS` words of `texts`."""
    tokens, unknown = _counted(tokenizer, list(islice(_runs(texts), WORDS)))
    english, _ = _counted(tokenizer, list(_runs([_ENGLISH])))
    return VocabularyFit(tokens, english, unknown)


def models_for(language: str) -> tuple[str, str]:
    """What suits a language other than English: a trained model on the hub, and a preset that trains one.

    The preset is empty where none is for that language.
    """
    preset = "inference-free-scandinavian" if language in SCANDINAVIAN else ""
    return TRAINED, preset


def misfit(fit: VocabularyFit, language: Language) -> str:
    """Why a model is not one for texts of a language, in a sentence; empty where it is."""
    is_english = language.name == "english" and language.certainty != "unknown"
    if fit.fits or is_english:
        return ""
    reasons = []
    if fit.falls_apart:
        reasons.append(f"{fit.tokens:.1f} tokens a word, {fit.english:.1f} in English")
    if fit.is_unknown:
        reasons.append(f"{fit.unknown:.0%} of the tokens are unknown to it")
    return f"the model's vocabulary is not that of these documents ({', '.join(reasons)})"


def _runs(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        for match in _RUN.finditer(text):
            yield match[0]


def _counted(tokenizer: Any, runs: list[str]) -> tuple[float, float]:
    """Tokens a word, and the share of unknown ones."""
    if not runs:
        return 1.0, 0.0
    # A run that is longer than the model reads is no reason to warn: nothing of this is encoded.
    ids = tokenizer(runs, add_special_tokens=False, verbose=False)["input_ids"]
    words = sum(len(_UNIT.findall(run)) for run in runs)
    tokens = sum(map(len, ids))
    unknown = 0
    if tokenizer.unk_token_id is not None:
        unknown = sum(one == tokenizer.unk_token_id for each in ids for one in each)
    return tokens / max(1, words), unknown / max(1, tokens)
