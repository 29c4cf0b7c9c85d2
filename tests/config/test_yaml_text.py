"""YAML from strangers: refused before it grows."""

from __future__ import annotations

import pytest

from splade_cli.config.yaml_text import MAX_CHARS, BadYaml, parse_yaml


def bomb(merge: bool = False) -> str:
    lines = ["a0: &a0 {k: 1}" if merge else "a0: &a0 [x, x]"]
    for level in range(1, 40):
        references = ", ".join([f"*a{level - 1}"] * 9)
        value = f"{{<<: [{references}]}}" if merge else f"[{references}]"
        lines.append(f"a{level}: &a{level} {value}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (bomb(), "aliases"),
        (bomb(merge=True), "aliases"),
        ("a: &a [*a]", "holds itself"),
        ("[" * 100_000, "nested too deeply"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands there twice"),
        ("training:\n  seed: 1\n  seed: 2", "line 3"),
        ("a: !!python/object/apply:os.system ['true']", "python/object"),
        ("a: " + "9" * 5000, "cannot be"),
        ("a: 2026-99-99", "cannot be"),
        ("a: [1", "line 1"),
        ("x" * (MAX_CHARS + 1), "characters"),
    ],
)
def test_hostile_yaml(text: str, reason: str) -> None:
    with pytest.raises(BadYaml, match=reason):
        parse_yaml(text)


def test_anchors_and_merges_of_a_person() -> None:
    text = "base: &base {seed: 1, lr: 2}\nrun: {<<: *base, lr: 3}\nlist: [*base, *base]"
    value = parse_yaml(text)
    assert value["run"] == {"seed": 1, "lr": 3}
    assert parse_yaml("") is None
