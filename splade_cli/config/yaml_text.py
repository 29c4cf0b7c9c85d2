"""YAML text as plain values, refused before it can grow: settings are a few kilobytes.

Aliases let ten lines of YAML stand for gigabytes, and its parser is recursive: what a document stands for is
counted on its tree of nodes, in which an alias is only a reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

MAX_CHARS = 1_000_000
_MAX_NODES = 100_000
_DEEPEST = 50


class BadYaml(ValueError):
    """Why a text is no YAML, or none that settings are written in."""


def parse_yaml(text: str) -> Any:
    """The values of one YAML document: dicts, lists, numbers, texts, dates, None.

    Raises:
        BadYaml: broken, longer than `MAX_CHARS`, nested too deeply, growing without end by its aliases,
            naming a key twice, or asking for Python objects.
    """
    import yaml

    if len(text) > MAX_CHARS:
        raise BadYaml(f"more than {MAX_CHARS:,} characters")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _Tree().size(node, 0)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadYaml(f"{error_place(error)}{getattr(error, 'problem', error)}") from None
    except RecursionError:
        raise BadYaml("nested too deeply") from None
    except BadYaml:
        raise
    except (ValueError, OverflowError) as error:
        raise BadYaml(f"a value that cannot be: {error}") from None


def error_place(error: yaml.YAMLError) -> str:
    """The line of an error, where it is known."""
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: " if mark else ""


class _Tree:
    """The nodes of a document, each counted as often as aliases make it stand there."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def size(self, node: yaml.Node, depth: int) -> int:
        """How many values a node stands for."""
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        line = f"line {node.start_mark.line + 1}"
        if id(node) in self._open:
            raise BadYaml(f"{line}: holds itself")
        if depth > _DEEPEST:
            raise BadYaml(f"{line}: nested deeper than {_DEEPEST} levels")
        self._open.add(id(node))
        size = 1 + sum(self.size(child, depth + 1) for child in self._children(node))
        if size > _MAX_NODES:
            raise BadYaml(f"{line}: more than {_MAX_NODES:,} values, with those that its aliases repeat")
        self._open.remove(id(node))
        self._sizes[id(node)] = size
        return size

    def _children(self, node: yaml.Node) -> list[yaml.Node]:
        import yaml

        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not isinstance(node, yaml.MappingNode):
            return []
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys and key.value != "<<":
                raise BadYaml(
                    f"line {key.start_mark.line + 1}: the key '{key.value[:100]}' stands there twice"
                )
            keys.add(key.value)
        return [child for pair in node.value for child in pair]
