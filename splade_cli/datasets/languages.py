"""Language codes and names: which of them mean the same language."""

from __future__ import annotations

from collections.abc import Iterable

_SPELLINGS = (
    ("no", "nor", "norwegian", "norsk"),
    ("nb", "nob", "bokmål", "bokmal", "norwegian bokmål"),
    ("nn", "nno", "nynorsk", "norwegian nynorsk"),
    ("da", "dan", "danish", "dansk"),
    ("sv", "swe", "swedish", "svenska"),
    ("fi", "fin", "finnish"),
    ("is", "isl", "ice", "icelandic"),
    ("en", "eng", "english"),
    ("de", "deu", "ger", "german"),
    ("fr", "fra", "fre", "french"),
    ("es", "spa", "spanish"),
)
_CODES = {spelling: spellings[0] for spellings in _SPELLINGS for spelling in spellings}
_INCLUDED = {("nb", "no"), ("nn", "no"), ("no", "nb")}
"""(a row's language, the one that is asked for): Norwegian is both, and Bokmål where nothing else is said."""


def language_code(language: object) -> str:
    """The short code of a language by any of its names; of one that is not known the name in lower case."""
    name = str(language).casefold()
    return _CODES.get(name, name)


def is_among(language: object, wanted: Iterable[str]) -> bool:
    """Whether a language is one of the codes, or included in one of them."""
    code = language_code(language)
    return any(code == each or (code, each) in _INCLUDED for each in wanted)
