"""Paraphrases of queries by rules: synonyms, word order, singular and plural, and other openings.

What is asked for stays the same, and so do its technical words. In English all rules apply; in the other
languages of OPENINGS a query only gets another opening.
"""

from __future__ import annotations

import random
import re
from collections.abc import Set

from splade_cli.generation.queries.phrases import WORD
from splade_cli.generation.queries.synonyms import other_number, synonyms, verbs

ENGLISH = "english"
OPENINGS = {
    ENGLISH: ("what can you tell me about {}", "i am looking for {}", "tell me about {}"),
    "norwegian": ("informasjon om {}", "jeg leter etter {}", "fortell meg om {}"),
    "danish": ("information om {}", "jeg leder efter {}", "fortæl mig om {}"),
    "swedish": ("information om {}", "jag söker {}", "berätta om {}"),
    "german": ("informationen zu {}", "ich suche {}", "erzähl mir von {}"),
    "french": ("informations sur {}", "je cherche {}"),
    "spanish": ("información sobre {}", "busco {}"),
}
"""Before a few key words. Languages without any have no paraphrase by rules."""
FEW_WORDS = 5
_NO_VERB = (
    r"(?:(?:manual|tutorial|video|article|recipe|lesson|handbook|documentation|instruction)s?\b"
    r"|(?:guide|book|course|example|page|post|blog|list)s?(?:$| (?:for|on|about|of|in|by|from|and|or)\b))"
)
"""What ``how to`` is the name of: nouns, and such words without an object as are verbs with one."""
_QUESTIONS = (
    (r"what (?:is|are) (?!meant)(.+)", ("explain {0}", "tell me about {0}", "i want to know about {0}")),
    (r"how (?:do|can|could|should) (?:i|you|we|one) (.+)", ("how to {0}", "what is the way to {0}")),
    (rf"how to (?!{_NO_VERB})(.+)", ("how do i {0}", "what is the way to {0}")),
    (r"what causes (.+)", ("what are the causes of {0}", "why is there {0}")),
    (r"why (.+)", ("for what reason {0}",)),
    (r"when ((?:do|does|did|is|are|was|were|can|will) .+)", ("at what time {0}",)),
    (r"where ((?:do|does|did|is|are|was|were|can) .+)", ("in which place {0}",)),
    (r"(?:can|could|may) (?:i|you|we|one) (.+)", ("is it possible to {0}", "is there a way to {0}")),
    (r"which (?!of\b)(.+)", ("what {0}",)),
    (
        r"what (?!is|are|was|were|do|does|did|can|could|should|will|would|has|have|had|if|about|happens)(.+)",
        ("which {0}",),
    ),
)
_ASKS = re.compile(
    r"(?:who|whom|whose|what|when|where|why|which|how|do|does|did|is|are|was|were|can|could|has|have|had|should"
    r"|will|would|may|must)\b|.*\?\s*$",
    re.I,
)
_CLAIM = re.compile(r"[A-Z].*[a-z].*\.\s*")
_CLAIMS = ("is it true that {}", "evidence that {}", "does it hold that {}")
_HEADS = (
    "effects?|analysis|causes?|treatment|symptoms?|properties|calculation|determination|measurements?|theory|study"
    "|design|prediction|influence|behaviou?r|distribution|structure|estimation|development|prevention|diagnosis"
    "|risks?|benefits?|size|cost|price|length|stability|evaluation|detection|removal|regulation|expression"
    "|activation|inhibition|role|use|impact|history|definition|function|production|storage|installation"
)
_SMALL = (
    "a|an|the|of|on|in|at|by|for|from|to|with|and|or|as|is|are|was|were|be|been|than|that|this|these|those|it|its"
    "|which|who|can|could|has|have|do|does|did|not|into|over|under|between|during|after|before|when|where|how"
    "|why|what|if|any|all|some|each|other|using|used|through|without|within"
)
_OF = re.compile(
    rf"(?<!and )(?<!or )\b({_HEADS}) of (?:the |an? )?((?:(?!(?:{_SMALL})\b)[\w-]+)"
    rf"(?: (?!(?:{_SMALL})\b)[\w-]+){{0,2}})(?= (?:{_SMALL})\b|\s*[.?,]|\s*$)",
    re.I,
)
_PAIR = re.compile(rf"(^|\b(?:{_SMALL}) )([a-z]{{4,}}) (and|or) ([a-z]{{4,}})\b")
_COUNTED = frozenset(
    ("a", "an", "one", "this", "these", "each", "every", "two", "three", "many", "several", "is")
)
_BEFORE_A_VERB = re.compile(r"\b(?:how to|(?:do|can|could|should|may) (?:i|you|we|one)) $", re.I)
_ARTICLE = re.compile(r"\b(an?) (?=([a-z][\w'-]*))", re.I)


def paraphrased(text: str, language: str, known: Set[str], draw: random.Random) -> str:
    """`text` in other words; empty where no rule changes it.

    Args:
        language: one of OPENINGS, or there is no paraphrase.
        known: words of the documents in lower case: a plural or singular that none of them has is not made.
    """
    if language not in OPENINGS:
        return ""
    changed = text.strip()
    if language == ENGLISH:
        changed = _with_synonyms(changed, draw)
        changed = _PAIR.sub(r"\1\4 \3 \2", _OF.sub(r"\2 \1", changed))
        changed = _with_another_number(changed, known, draw)
    changed = _articles(_with_another_opening(changed, language, draw), text)
    return "" if changed.split() == text.split() else changed


def _with_synonyms(text: str, draw: random.Random) -> str:
    """Each general word for another that means the same, whatever the case; names keep theirs."""

    def other(word: re.Match[str]) -> str:
        known = verbs() if _BEFORE_A_VERB.search(text[: word.start()]) else synonyms()
        alternatives = known.get(word[0].lower(), ())
        if not alternatives:
            return word[0]
        chosen = draw.choice(alternatives)
        return chosen.capitalize() if word[0][0].isupper() else chosen

    return WORD.sub(other, text)


def _with_another_number(text: str, known: Set[str], draw: random.Random) -> str:
    """One noun at the end of a phrase, where no article or verb is near that would have to follow it."""
    made: list[tuple[re.Match[str], str]] = []
    words = list(WORD.finditer(text))
    for number, word in enumerate(words):
        before = [each[0].lower() for each in words[max(0, number - 3) : number]]
        after = words[number + 1][0].lower() if number + 1 < len(words) else "of"
        if after not in ("of", "in", "for", "on") or _COUNTED.intersection(before):
            continue
        other = other_number(word[0])
        if other in known and not any(each.isdigit() for each in before):
            made.append((word, other))
    if not made:
        return text
    word, other = draw.choice(made)
    return text[: word.start()] + other + text[word.end() :]


def _with_another_opening(text: str, language: str, draw: random.Random) -> str:
    """A question in another form, a statement as what is to be shown, a few key words as what is sought."""
    bare = text.rstrip(" ?.")
    if language == ENGLISH:
        for pattern, forms in _QUESTIONS:
            found = re.fullmatch(pattern, bare, re.I | re.S)
            if found:
                return draw.choice(forms).format(found[1])
        if _CLAIM.fullmatch(text):
            return draw.choice(_CLAIMS).format(_lower_first(bare))
    words = [word.lower() for word in WORD.findall(text)]
    if _ASKS.match(text) or not 0 < len(words) <= FEW_WORDS or _COUNTED.intersection(words):
        return text
    return draw.choice(OPENINGS[language]).format(bare)


def _lower_first(text: str) -> str:
    """A sentence behind others words: names and abbreviations keep their capitals."""
    first = text.split(" ", 1)[0]
    return text[0].lower() + text[1:] if first.isalpha() and first[1:].islower() else text


def _articles(text: str, original: str) -> str:
    """``a`` and ``an`` as the next word asks for them, where that word is not the one of the original."""
    kept = {(article.lower(), word.lower()) for article, word in _ARTICLE.findall(original)}

    def article(found: re.Match[str]) -> str:
        if (found[1].lower(), found[2].lower()) in kept:
            return found[0]
        right = "an" if found[2][0].lower() in "aeio" else "a"
        return f"{right.capitalize() if found[1][0].isupper() else right} "

    return _ARTICLE.sub(article, text)
