"""Paraphrases by rules: they ask for the same, keep technical words, and are made where a rule fits."""

from __future__ import annotations

import random

import pytest

from splade_cli.generation.queries.paraphrases import paraphrased
from splade_cli.generation.queries.synonyms import other_number, synonyms

KNOWN = frozenset(("kilns", "kiln", "glazes", "glaze"))


def other_words(text: str, language: str = "english", times: int = 30) -> set[str]:
    """What many draws make of a query."""
    return {paraphrased(text, language, KNOWN, random.Random(seed)) for seed in range(times)}


@pytest.mark.parametrize(
    ("text", "one_of_them"),
    [
        ("what causes crazing", "what are the causes of crazing"),
        ("how do i fire clay?", "how to fire clay"),
        ("can I fire clay twice?", "is it possible to fire clay twice"),
        ("which glaze is safe for food", "what glaze is safe for food"),
        ("what glaze is safe for food", "which glaze is safe for food"),
        ("what is the effect of slow cooling on glaze", "explain the slow cooling impact on glazes"),
        ("Slow cooling reduces crazing.", "is it true that slow cooling lowers crazing"),
        ("glaze for kiln", "i am looking for glazes for kiln"),
        ("where is the glaze kept", "in which place is the glaze kept"),
    ],
)
def test_a_query_in_other_words(text: str, one_of_them: str) -> None:
    assert one_of_them in other_words(text)


def test_the_same_draw_makes_the_same_words() -> None:
    text = "what is the effect of slow cooling on glaze"
    assert paraphrased(text, "english", KNOWN, random.Random(1)) == paraphrased(
        text, "english", KNOWN, random.Random(1)
    )


def test_what_no_rule_fits_has_no_paraphrase() -> None:
    assert other_words("who fires raku on sundays at the workshop") == {""}
    assert other_words("kuinka uuni toimii", "finnish") == {""}, "a language without rules"


def test_other_languages_get_another_opening() -> None:
    assert "jeg leter etter glasur til ovn" in other_words("glasur til ovn", "norwegian")
    assert other_words("hvordan brenner man leire?", "norwegian") == {""}


def test_a_number_is_changed_only_to_a_word_of_the_documents() -> None:
    made = {
        text.rsplit(" ", 1)[-1]
        for text in other_words("how to load three electric kilns of pottery with cones")
    }
    assert "cone" not in made
    assert any(text.endswith("glaze") for text in other_words("how to mix old glazes"))


def test_words_of_a_subject_stay() -> None:
    for text in other_words("does a membrane theory predict the buckling of thin shells"):
        assert {"membrane", "theory", "buckling", "thin"} <= set(text.split()), text


@pytest.mark.parametrize(
    "text",
    ["how to guide", "how to guides for kilns", "how to manual", "How to video", "how to list of glazes"],
)
def test_a_noun_behind_how_to_is_done_by_nobody(text: str) -> None:
    for other in other_words(text):
        assert not other.startswith(("how do i", "what is the way")), other


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("how to guide a child", "guide"),
        ("how do i sort the glazes", "sort"),
        ("how can we place a kiln", "place"),
    ],
)
def test_a_verb_is_no_noun(text: str, verb: str) -> None:
    found = other_words(text)
    assert len(found) > 1
    assert all(verb in other.split() for other in found), found


def test_articles_follow_the_next_word() -> None:
    assert "explain an issue with glaze" in other_words("what is a problem with glaze")
    for text in other_words("how to plan an hour of firing"):
        assert " a hour" not in text, text
    assert not any("what of" in text for text in other_words("Which of these is best"))


def test_the_table_of_synonyms_is_sound() -> None:
    for word, others in synonyms().items():
        assert others and word not in others, word
        assert word == word.lower() and all(other.isalpha() for other in others), word
    assert synonyms()["reduces"] == ("lowers", "decreases")
    assert "aircraft" not in synonyms(), "it stands for another word, and none for it"


@pytest.mark.parametrize(
    ("noun", "other"),
    [("kilns", "kiln"), ("body", "bodies"), ("bodies", "body"), ("boxes", "box"), ("glass", ""), ("gas", "")],
)
def test_singular_and_plural(noun: str, other: str) -> None:
    assert other_number(noun) == other
