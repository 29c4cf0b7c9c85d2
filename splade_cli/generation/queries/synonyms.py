"""Synonyms of general English words, as people change them in a search; no words of a subject."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_VERBS = (
    "reduce lower decrease", "increase > raise", "improve enhance", "prevent hinder", "remove delete",
    "repair mend", "display > show", "select > pick", "obtain acquire", "allow permit", "verify confirm",
    "configure > adjust", "explain describe", "calculate compute", "examine investigate", "suppress inhibit",
    "provoke trigger induce", "predict forecast", "produce generate", "happen occur", "solve resolve",
    "create > produce", "suggest indicate", "protect > guard", "assist > help", "require > need",
    "acquire > obtain", "employ utilise", "alter modify", "damage > harm", "contain > include",
)  # fmt: skip
_NOUNS = (
    "effect > impact influence", "problem issue difficulty", "method technique", "approach > method",
    "procedure > method", "symptom > sign", "illness disease", "doctor physician", "mistake > error",
    "speed velocity", "picture image", "aeroplane > aircraft", "price > cost", "risk danger",
    "advantage benefit", "disadvantage drawback", "reason > cause", "example > instance", "kind sort",
    "component > part", "amount quantity", "goal aim purpose", "place location", "company > firm business",
    "guide > manual", "therapy > treatment", "town city", "nation country", "rule > regulation",
    "password > passphrase", "folder directory", "employee worker", "reply answer", "option choice",
    "task job", "street road", "characteristic property feature", "investigation study",
    "consequence > result",
)  # fmt: skip
_OTHERS = (
    "using employing", "changed altered modified", "changing altering modifying",
    "connected linked joined", "connecting linking joining", "started > begun", "lacking missing",
    "big large", "small > little", "fast quick rapid", "difficult > hard", "easy simple", "possible feasible",
    "wrong incorrect", "common > frequent", "rare uncommon", "dangerous hazardous", "needed required",
    "similar comparable", "entire whole", "main principal chief", "elevated > high", "severe serious",
    "often frequently", "quickly rapidly", "usually typically normally", "regarding concerning",
    "associated > linked", "via > through", "approximately roughly", "people > persons", "kids > children",
    "demonstrated shown", "constructed built", "maximum > greatest", "minimum > least", "optimal > best",
    "primarily mainly", "colour color", "behaviour behavior", "centre center", "fibre fiber", "tumour tumor",
    "analyse analyze", "organise organize", "catalogue catalog", "modelling modeling", "grey gray",
    "vapour vapor", "labour labor", "ageing aging", "oestrogen estrogen", "anaemia anemia",
)  # fmt: skip
ONE_WAY = ">"
"""Behind a word that those after it may stand for, and which may not stand for them."""
_VOWELS = "aeiou"


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """Words in lower case with those that may stand for them, each in the form that it is in."""
    found = dict(verbs())
    for line in _NOUNS:
        _add(found, line, lambda noun: (noun, plural(noun)))
    for line in _OTHERS:
        _add(found, line, lambda word: (word,))
    return found


@cache
def verbs() -> dict[str, tuple[str, ...]]:
    """Those of verbs alone: ``place`` and ``sort`` are nouns elsewhere, and verbs behind ``how to``."""
    found: dict[str, tuple[str, ...]] = {}
    for line in _VERBS:
        _add(found, line, _verb_forms)
    return found


def plural(noun: str) -> str:
    """The plural of a regular noun."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return noun[:-1] + "ies"
    return noun + "s"


def other_number(noun: str) -> str:
    """The plural of what looks like a singular, and the other way round; empty for what is too short."""
    if len(noun) < 4 or noun.endswith(("ss", "us", "is")):
        return ""
    if noun.endswith("ies") and len(noun) > 5:
        return noun[:-3] + "y"
    if noun.endswith(("xes", "ches", "shes", "sses")):
        return noun[:-2]
    if noun.endswith("s"):
        return noun[:-1]
    return plural(noun)


def _add(found: dict[str, tuple[str, ...]], line: str, forms_of: Callable[[str], tuple[str, ...]]) -> None:
    """Enters the words of a line, each in its forms; a word of two lines is left in its first."""
    words = [forms_of(word) for word in line.split() if word != ONE_WAY]
    replaced = words[:1] if ONE_WAY in line else words
    for number, forms in enumerate(replaced):
        others = words[:number] + words[number + 1 :]
        for place, form in enumerate(forms):
            found.setdefault(form, tuple(other[place] for other in others))


def _verb_forms(verb: str) -> tuple[str, ...]:
    """Base, third person, past and gerund of a regular verb."""
    if verb == "show":
        return verb, "shows", "shown", "showing"
    doubled = verb + verb[-1] if verb == "permit" else verb
    if verb.endswith("e"):
        return verb, verb + "s", verb + "d", verb[:-1] + "ing"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"
    return verb, plural(verb), doubled + "ed", doubled + "ing"
