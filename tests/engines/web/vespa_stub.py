"""Vespa's document and search interfaces in a few lines: documents are held against the schema that we ship, YQL is
parsed and evaluated."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from splade_cli.engines.web.vespa.application import chunk_schema
from tests.engines.web.stub import Refused, Request, only

TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|@\w+|[A-Za-z_]\w*|-?\d[\d.e+-]*|<=|>=|[=<>!(){}:,])')
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class VespaStub:
    """One application, deployed."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {}
        self.deployed = True
        fields = re.findall(r"^        field (\w+) type (.+) \{", chunk_schema(), re.MULTILINE)
        self.types = dict(fields)

    def answer(self, request: Request) -> Any:
        if not self.deployed:
            raise Refused(400, "Document type facts does not exist")
        if request.path == "/search/":
            return {"root": self._search(request.json())}
        _, document, version, namespace, kind, docid, *rest = request.path.split("/", 6)
        assert (document, version, namespace, docid) == ("document", "v1", "splade", "docid")
        held = {"chunk": self.documents, "facts": self.facts}[kind]
        if not rest:
            return self._visit(request, held)
        name = rest[0]
        if request.method == "POST":
            only(request.json(), "fields", needs=("fields",))
            if kind == "chunk":
                self._check(request.json()["fields"])
            held[name] = request.json()["fields"]
        elif request.method == "DELETE":
            held.pop(name, None)
        elif name not in held:
            raise Refused(404, "no such document")
        else:
            wanted = request.query.get("fieldSet", f"{kind}:[all]").partition(":")[2].split(",")
            fields = {
                field: value for field, value in held[name].items() if wanted == ["[all]"] or field in wanted
            }
            if "weights" in fields:
                fields["weights"] = {"type": "tensor<float>(t{})", "cells": fields["weights"]}
            return {"id": f"id:splade:{kind}::{name}", "fields": fields}
        return {"id": name}

    def _visit(self, request: Request, held: dict[str, Any]) -> Any:
        assert request.query["cluster"] == "splade"
        if request.method == "DELETE":
            assert request.query["selection"] == "true"
            held.clear()
            return {"documentCount": 0}
        assert request.method == "GET"
        start = int(request.query.get("continuation", "0"))
        size = min(25, int(request.query["wantedDocumentCount"]))
        names = sorted(held)
        page: dict[str, Any] = {
            "documents": [{"fields": {"chunk_id": name}} for name in names[start : start + size]]
        }
        if start + size < len(names):
            page["continuation"] = str(start + size)
        return page

    def _check(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            kind = self.types.get(name)
            if kind is None:
                raise Refused(400, f"No field '{name}' in the structure of type 'chunk'")
            if not fits(kind, value):
                raise Refused(400, f"bad {name}: {value!r}")

    def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        only(body, "yql", "hits", "ranking", "tokens", "input.query(q)", needs=("yql", "hits"))
        assert body["hits"] <= 10_000
        match = re.fullmatch(
            r"select [\w, ]+ from chunk where (.*?)( order by position)?", body["yql"], re.DOTALL
        )
        assert match is not None, body["yql"]
        passes = Parser(match[1], body).parse()
        found = [(name, fields) for name, fields in self.documents.items() if passes(fields)]
        weights = body.get("input.query(q)", {})
        if weights:
            assert body["ranking"] == "splade"
        children = []
        for name, fields in found:
            shared = [
                fields["weights"][term] * weight
                for term, weight in weights.items()
                if term in fields["weights"]
            ]
            kept = {"chunk_id": fields["chunk_id"], "document_id": fields["document_id"]}
            children.append(
                {"relevance": sum(shared), "fields": kept, "id": name, "position": fields["position"]}
            )
        if match[2]:
            children.sort(key=lambda child: child["position"])
        else:
            children.sort(key=lambda child: -child["relevance"])
        root = {"fields": {"totalCount": len(found)}, "coverage": {"full": True}}
        return {**root, "children": children[: body["hits"]]}


def fits(kind: str, value: Any) -> bool:
    """Whether a value is one of a field's type."""
    if kind == "string":
        return isinstance(value, str) and not re.search(r"[\x00-\x08\x0b\x1b]", value)
    if kind == "long":
        return type(value) is int
    if kind == "array<string>":
        return all(isinstance(each, str) for each in value)
    if kind == "tensor<float>(t{})":
        return all(type(weight) is float for weight in value.values())
    if kind == "weightedset<string>":
        return all(type(weight) is int for weight in value.values())
    return all(set(pair) == {"name", "value"} for pair in value)


class Parser:
    """YQL after ``where``, as far as it is used."""

    def __init__(self, text: str, body: dict[str, Any]) -> None:
        self.tokens = TOKEN.findall(text)
        assert "".join(self.tokens) == re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text), text
        self.place = 0
        self.body = body

    def take(self, wanted: str | None = None) -> str:
        token: str = self.tokens[self.place]
        assert wanted is None or token == wanted, (wanted, self.tokens[self.place :])
        self.place += 1
        return token

    def next_is(self, token: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place] == token

    def parse(self) -> Callable[[dict[str, Any]], bool]:
        passes = self.joined()
        assert self.place == len(self.tokens)
        return passes

    def joined(self) -> Callable[[dict[str, Any]], bool]:
        parts = [self.one()]
        sign = ""
        while self.next_is("and") or self.next_is("or"):
            sign = self.take(sign or None)
            parts.append(self.one())
        if sign == "or":
            return lambda fields: any(part(fields) for part in parts)
        return lambda fields: all(part(fields) for part in parts)

    def one(self) -> Callable[[dict[str, Any]], bool]:
        if self.next_is("!"):
            self.take()
            part = self.one()
            return lambda fields: not part(fields)
        if self.next_is("("):
            self.take()
            if self.next_is("{"):
                return self.wand()
            part = self.joined()
            self.take(")")
            return part
        word = self.take()
        if word in ("true", "false"):
            return lambda fields: word == "true"
        self.take("contains")
        if not self.next_is("sameElement"):
            text = json.loads(self.take()).lower()
            return lambda fields: fields[word].lower() == text
        return self.same_element(word)

    def wand(self) -> Callable[[dict[str, Any]], bool]:
        for token in ("{", "targetHits", ":"):
            self.take(token)
        assert int(self.take()) >= 1
        for token in ("}", "wand", "(", "terms", ",", "@tokens", ")", ")"):
            self.take(token)
        tokens = json.loads(self.body["tokens"])
        assert all(type(weight) is int for weight in tokens.values())
        return lambda fields: any(token in fields["terms"] for token in tokens)

    def same_element(self, kind: str) -> Callable[[dict[str, Any]], bool]:
        for token in ("sameElement", "(", "name", "contains"):
            self.take(token)
        name = json.loads(self.take())
        test: Callable[[Any], bool] = lambda value: True  # noqa: E731
        if self.next_is(","):
            self.take()
            self.take("value")
            sign = self.take()
            value = json.loads(self.take())
            if sign == "contains":
                test = lambda found: found.lower() == value.lower()  # noqa: E731
            else:
                test = lambda found: ORDERS[sign](found, value)  # noqa: E731
        self.take(")")
        return lambda fields: any(pair["name"] == name and test(pair["value"]) for pair in fields[kind])
