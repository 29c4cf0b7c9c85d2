"""A call of a chat server, and the answer that a healthy one gives: queries of the passage's own words."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

Reply = Callable[["Call"], bool]
"""Answers a call; returns whether what it said is a usable answer that the caller has paid for."""

_WORD = re.compile(r"[a-z]{4,}")
_NOT_WORDS = frozenset(["passage", "that", "this", "with", "from", "into", "them", "when", "then"])


def passage_of(request: dict[str, Any]) -> str:
    """The text that a request is about: that of its last message, without the task around it."""
    last = str(request["messages"][-1]["content"])
    return last.split("\n\nWrite ", 1)[0]


def queries_for(passage: str) -> list[dict[str, str]]:
    """Two queries out of the rarest words of a passage, which are its longest."""
    words = [word for word in _WORD.findall(passage.casefold()) if word not in _NOT_WORDS]
    longest = sorted(dict.fromkeys(words), key=lambda word: (-len(word), word))[:4]
    return [
        {"type": "keywords", "text": " ".join(longest[:3])},
        {"type": "question", "text": f"What is known of {' and '.join(longest[1:])}?"},
    ]


def completion(
    content: Any, *, finish: Any = "stop", usage: Any = None, message: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A chat completion that says `content`; `message` adds fields to the message."""
    counted = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    said = {"role": "assistant", "content": content, **(message or {})}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": said, "finish_reason": finish}],
        "usage": counted if usage is None else usage,
    }


@dataclass
class Call:
    """One request with the means to answer it.

    Attributes:
        number: of the calls to its server, from 1.
        stopped: set at the end of the server.
    """

    handler: BaseHTTPRequestHandler
    request: dict[str, Any]
    number: int
    stopped: threading.Event

    @property
    def passage(self) -> str:
        return passage_of(self.request)

    @property
    def answer(self) -> str:
        """What a healthy model says."""
        return json.dumps({"queries": queries_for(self.passage)})

    def send(self, body: Any, status: int = 200, **headers: str) -> None:
        """A whole response; bytes as they are, all else as JSON. Names of headers have _ for -."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        named = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in named.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def reset(self) -> None:
        """Drops the connection with a TCP reset."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.handler.connection.close()
        self.handler.close_connection = True

    def wait(self, seconds: float) -> bool:
        """Sleeps, but not beyond the end of the server. Returns whether that has come."""
        return self.stopped.wait(seconds)


def healthy(call: Call) -> bool:
    """A usable answer."""
    call.send(completion(call.answer))
    return True
