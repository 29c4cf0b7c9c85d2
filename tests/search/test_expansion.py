"""Rules files and what they add; the errors of their lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.search.expansion import Expander, combined

RULES = """
# abbreviations
k8s = kubernetes            # one way
ml = machine learning, learning ^0.5
IT = information technology
c# = c sharp
car, automobile, motor vehicle ^0.4
machine = device
"""


def expander(tmp_path: Path, text: str, name: str = "rules.txt") -> Expander:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return Expander.open(tmp_path / name)


@pytest.mark.parametrize(
    ("query", "added"),
    [
        ("deploy on k8s", [("kubernetes", 1.0)]),
        ("K8S!", [("kubernetes", 1.0)]),
        ("kubernetes", []),
        ("k8s and kubernetes", []),
        ("k8sx xk8s my_k8s", []),
        ("ML for cars", [("machine learning", 1.0), ("learning", 0.5)]),
        ("it is late", []),
        ("the IT desk", [("information technology", 1.0)]),
        ("a motor\tvehicle in C#", [("car", 1.0), ("automobile", 1.0), ("c sharp", 1.0)]),
        ("AUTOMOBILE", [("car", 1.0), ("motor vehicle", 0.4)]),
        ("car and automobile", [("motor vehicle", 0.4)]),
        ("ml on a machine", [("machine learning", 1.0), ("learning", 0.5), ("device", 1.0)]),
        ("", []),
    ],
)
def test_what_is_added(tmp_path: Path, query: str, added: list[tuple[str, float]]) -> None:
    found = expander(tmp_path, RULES).expand(query)
    assert [(rule.added, rule.weight) for rule in found.added] == added
    assert found.text == " ".join([query, *(phrase for phrase, _ in added)])
    assert found.weighted_texts == [(query, 1.0), *added]


def test_the_longest_phrase_wins_and_nothing_is_expanded_twice(tmp_path: Path) -> None:
    made = expander(tmp_path, "machine learning = ml\nlearning = study\nml = millilitre\n")
    assert [rule.added for rule in made.expand("machine  learning").added] == ["ml"]
    assert [rule.added for rule in made.expand("learning machine").added] == ["study"]
    assert [rule.line for rule in made.expand("learning ml").added] == [2, 3]
    made = expander(tmp_path, "machine = device\nmachine learning = ml\nART WORK = x\nart = painting\n")
    assert [rule.added for rule in made.expand("machine learning").added] == ["ml"]
    assert [rule.added for rule in made.expand("art work").added] == ["painting"], (
        "capitals elsewhere take nothing away"
    )
    assert [rule.added for rule in made.expand("ART WORK").added] == ["x"]


def test_rules_of_one_phrase_add_up_and_the_heavier_counts(tmp_path: Path) -> None:
    made = expander(tmp_path, "a = x ^0.5\nA = y\na = x ^0.8\nb = x ^0.7\n")
    assert [(rule.added, rule.weight) for rule in made.expand("a b").added] == [("x", 0.8)]
    assert [(rule.added, rule.weight) for rule in made.expand("A b").added] == [("y", 1.0), ("x", 0.7)]


def test_letters_of_other_alphabets(tmp_path: Path) -> None:
    made = expander(tmp_path, "straße = weg\nÅ = elv\nΑΒ = γ\n")
    assert [rule.added for rule in made.expand("Straße").added] == ["weg"]
    assert made.expand("å").added == ()
    assert [rule.added for rule in made.expand("Å ΑΒ").added] == ["elv", "γ"]


STRUCTURED = {
    "rules.yaml": "k8s: kubernetes\nml: [machine learning, learning ^0.5]\n"
    "vm: {virtual machine: 2, box: .5}\n",
    "rules.yml": "- [k8s, kubernetes]\n- {ml: [machine learning, learning ^0.5]}\n"
    "- vm:\n    virtual machine: 2\n    box: 0.5\n",
    "rules.json": json.dumps(
        {
            "k8s": "kubernetes",
            "ml": ["machine learning", "learning ^0.5"],
            "vm": {"virtual machine": 2, "box": 0.5},
        },
        indent="\t",
    ),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_yaml_and_json(tmp_path: Path, name: str) -> None:
    made = expander(tmp_path, STRUCTURED[name], name)
    found = made.expand("k8s ml vm")
    assert [(rule.added, rule.weight) for rule in found.added] == [
        ("kubernetes", 1.0), ("machine learning", 1.0), ("learning", 0.5), ("virtual machine", 2.0),
        ("box", 0.5),
    ]  # fmt: skip
    assert found.added[0].line == (2 if name == "rules.json" else 1)
    assert bool(made.expand("kubernetes").added) == (name == "rules.yml"), "a group goes both ways"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.txt", "a = b\n\nalone\n", "line 3 is no rule: 'alone'"),
        ("r.txt", "a = b\n = c\n", "line 2 has no phrase before '='"),
        ("r.txt", "a =\n", "line 1 has an empty phrase"),
        ("r.txt", "a, , b\n", "line 1 has an empty phrase"),
        ("r.txt", "# x\na = b ^heavy\n", "line 2 has the weight 'heavy'"),
        ("r.txt", "a = b ^-1\n", "line 1 has the weight '-1'"),
        ("r.txt", "a = b ^inf\n", "line 1 has the weight 'inf'"),
        ("r.yaml", "a: b\nc: [d\n", "line 3 cannot be read"),
        ("r.yaml", "a: b\nc:\n  d: [1]\n", "line 3 holds no phrase"),
        ("r.yaml", "a: b\nc:\n", "line 2 holds no phrase"),
        ("r.yaml", "a: b\nc: {d: 0}\n", "line 2 has the weight '0'"),
        ("r.yaml", "- [a, b]\n- [c]\n", "line 2 is no rule: 'c'"),
        ("r.yaml", "- [a, b]\n- []\n", "line 2 is no rule: an empty list"),
        ("r.yaml", "- [a, b]\n- c\n", "line 2 is no rule: 'c'"),
        ("r.yaml", "just words\n", "line 1 is no rule: 'just words'"),
        ("r.json", '{"a": "b",\n "c": }', "line 2"),
    ],
)
def test_rules_that_are_none(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        expander(tmp_path, text, name)
    assert message in caught.value.message
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["none.txt", "none.yaml"])
def test_empty_and_missing_files(tmp_path: Path, name: str) -> None:
    assert expander(tmp_path, "\n# only a remark\n", name).expand("a query").added == ()
    with pytest.raises(InputError, match="no such file"):
        Expander.open(tmp_path / "missing.txt")


def test_vectors_of_pieces_are_joined_by_their_maximum() -> None:
    vectors = sp.csr_matrix(np.array([[1.0, 0, 2, 0], [4, 0, 1, 0], [0, 0, 0, 3]], dtype=np.float32))
    found = combined(vectors, [1.0, 0.5, 2.0])
    assert found.toarray().tolist() == [[2.0, 0.0, 2.0, 6.0]]
    assert (found.format, found.dtype, found.shape) == ("csr", np.float32, (1, 4))


def test_bm25_takes_the_pieces(tmp_path: Path) -> None:
    index = Bm25Search.over(["kubernetes runs pods", "pods are small", "docker runs images"], "english")
    pieces = expander(tmp_path, "k8s = kubernetes ^0.5").expand("k8s images").weighted_texts
    rows, scores = index.search([pieces], 3)
    assert rows[0].tolist() == [2, 0, -1]
    assert scores[0, 1] == pytest.approx(scores[0, 0] / 2, rel=1e-5)
