"""Templates of queries by language: what people put around the words that they look for."""

from __future__ import annotations

QUESTIONS = {
    "english": ("what is {}", "how does {} work", "how to use {}", "what is known about {}",
                "when is {} used", "what are the effects of {}", "what causes {}", "how can {} be obtained",
                "can {} be used", "does {} change", "why {}", "which {}", "{} explained", "problem with {}"),
    "norwegian": ("hva er {}", "hvordan virker {}", "når brukes {}", "hvorfor {}", "hva betyr {}"),
    "danish": ("hvad er {}", "hvordan virker {}", "hvornår bruges {}", "hvorfor {}", "hvad betyder {}"),
    "swedish": ("vad är {}", "hur fungerar {}", "när används {}", "varför {}", "vad betyder {}"),
    "german": ("was ist {}", "wie funktioniert {}", "wann braucht man {}", "warum {}", "was bedeutet {}"),
    "french": ("qu'est-ce que {}", "comment fonctionne {}", "quand utiliser {}", "pourquoi {}"),
    "spanish": ("qué es {}", "cómo funciona {}", "cuándo usar {}", "por qué {}"),
}  # fmt: skip
CLAIMS = {
    "english": ("what is known about {}", "is it true that {}", "evidence that {}", "how {}", "why {}",
                "does {}", "can {}", "what are {}"),
}  # fmt: skip
"""Openings for a whole span of a sentence; a language without any asks about phrases only."""
HOW_TOS = {
    "english": ("how to use {}", "how to set up {}", "how do i fix {}", "steps for {}", "guide to {}"),
    "norwegian": ("hvordan bruke {}", "hvordan fikse {}", "veiledning til {}"),
    "danish": ("hvordan bruger man {}", "vejledning til {}"),
    "swedish": ("hur använder man {}", "guide till {}"),
    "german": ("wie benutzt man {}", "anleitung für {}"),
    "french": ("comment utiliser {}", "mode d'emploi {}"),
    "spanish": ("cómo usar {}", "guía de {}"),
}
ASPECTS = {
    "english": ("{1} {0}", "{0} {1}", "{0} of {1}", "what is the {0} of {1}", "what are the {0} of {1}",
                "how is {1} {0}"),
}  # fmt: skip
ASPECTS_ANYWHERE = ("{1} {0}", "{0} {1}")
"""An aspect (0) and the title (1) that it is one of."""
