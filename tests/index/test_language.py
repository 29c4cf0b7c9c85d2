"""Languages: by name and code, by script and function words, and how sure a guess is."""

from __future__ import annotations

import pytest

from splade_cli.errors import InputError
from splade_cli.index.bm25.analyzer import analysed
from splade_cli.index.bm25.language import identify_language, named_language, required_language

ENGLISH = (
    "The kiln is fired at one thousand degrees, and the door of it stays closed until the clay is cold. "
)
NORWEGIAN = "Ovnen brennes ved tusen grader, og døren til den er lukket til leiren er kald. Ikke åpne den. "
GERMAN = "Der Ofen brennt den Ton bei tausend Grad, und die Tür bleibt zu, bis er kalt ist. "
POLISH = "Piec wypala glinę w temperaturze tysiąca stopni, drzwi pozostają zamknięte aż ostygnie. "


@pytest.mark.parametrize(
    ("given", "name"),
    [("no", "norwegian"), ("nb", "norwegian"), ("pt-BR", "portuguese"), ("zh_Hant", "chinese"), (" EN ", "english"),
     ("Norwegian", "norwegian"), ("thai", "thai"), ("finnish", "finnish")],
)  # fmt: skip
def test_names_and_codes(given: str, name: str) -> None:
    assert required_language(given).name == name
    assert str(required_language(given)) == f"{name} (as given)"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("tlh", "a code such as no, or one of arabic, "),
        ("", "a code"),
        ("porter", "did you mean 'portuguese'?"),
    ],
)
def test_no_language_of_words(given: str, hint: str) -> None:
    assert named_language(given) is None
    with pytest.raises(InputError, match=f"unknown language '{given}'") as caught:
        required_language(given)
    assert caught.value.hint.startswith(hint)
    assert caught.value.option == "language"


@pytest.mark.parametrize(
    ("texts", "name", "certainty"),
    [
        ([ENGLISH * 4], "english", "sure"),
        ([GERMAN * 4], "german", "sure"),
        ([GERMAN], "german", "likely"),
        ([POLISH * 4], "english", "unknown"),
        (["窑炉在一千度烧制陶土。"], "chinese", "sure"),
        ([], "english", "unknown"),
    ],
)
def test_how_sure_a_guess_is(texts: list[str], name: str, certainty: str) -> None:
    found = identify_language(texts)
    assert (found.name, found.certainty) == (name, certainty)
    assert found.evidence


def test_near_languages_are_told_apart_with_less_certainty() -> None:
    found = identify_language([NORWEGIAN * 4])
    assert found.name in ("norwegian", "danish")
    assert "norwegian" in str(found) and "danish" in str(found)


def test_a_language_without_stop_words_is_stemmed() -> None:
    assert analysed(["talossa talot"], "finnish") == [["talo", "talo"]]
