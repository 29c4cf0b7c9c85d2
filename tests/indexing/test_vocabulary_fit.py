"""Whether a vocabulary fits documents: English, German, Norwegian and Chinese against that of BERT and of bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from splade_cli.indexing.vocabulary_fit import SCANDINAVIAN, TRAINED, models_for, vocabulary_fit

ENGLISH = (
    "The kiln is fired at one thousand degrees, and its door stays closed until the clay has cooled down."
)
GERMAN = (
    "Der Brennofen wird auf tausend Grad geheizt, und seine Tür bleibt geschlossen, bis der Ton kalt ist."
)
NORWEGIAN = "Ovnen varmes opp til tusen grader, og døren holdes lukket til leiren har kjølnet."
CHINESE = "窑炉在一千度烧制陶土，冷却之前不要打开炉门。"
CODE = "def read_lines(path): return [line.rstrip() for line in path.open()]  # every line of the file"


@pytest.mark.parametrize(
    ("text", "falls_apart", "is_unknown"),
    [(ENGLISH, False, False), (CODE, False, False), (GERMAN, True, False), (NORWEGIAN, True, False),
     (CHINESE, False, True), ("", False, False)],
)  # fmt: skip
def test_an_english_vocabulary(text: str, falls_apart: bool, is_unknown: bool, embedder: Any) -> None:
    fit = vocabulary_fit(embedder.loaded.tokenizer, [text])
    assert (fit.falls_apart, fit.is_unknown) == (falls_apart, is_unknown)
    assert fit.fits == (not falls_apart and not is_unknown)
    assert 1 <= fit.english < 1.2


def test_bytes_know_all_and_cut_it_small(make_folder: Callable[..., Path], load: Callable[..., Any]) -> None:
    fit = vocabulary_fit(load(str(make_folder("roberta"))).tokenizer, [CHINESE])
    assert fit.unknown == 0
    assert fit.tokens == 3, "each character is three bytes, and no merge of this vocabulary has them"


def test_what_suits() -> None:
    assert models_for("chinese") == (TRAINED, "")
    assert {models_for(language)[1] for language in SCANDINAVIAN} == {"inference-free-scandinavian"}
