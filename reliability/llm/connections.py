"""Connections and HTTP responses that fail: reset, broken off, dripping, of another type or encoding."""

from __future__ import annotations

import gzip
import json

from reliability.llm.call import Call, Reply, completion

MEGABYTES = 64 << 20


def bytes_of(call: Call) -> bytes:
    """A healthy completion."""
    return json.dumps(completion(call.answer)).encode()


def _head(call: Call, length: int | None, **headers: str) -> None:
    """The head of a response, without its body."""
    call.handler.send_response(200)
    named = {"Content-Type": "application/json"}
    if length is not None:
        named["Content-Length"] = str(length)
    for name, value in {**named, **headers}.items():
        call.handler.send_header(name.replace("_", "-"), value)
    call.handler.end_headers()


def reset_at_once(call: Call) -> bool:
    call.reset()
    return False


def refused_from_now_on(call: Call) -> bool:
    call.handler.server.stop_listening()  # type: ignore[attr-defined]
    call.reset()
    return False


def closed_without_answer(call: Call) -> bool:
    call.handler.close_connection = True
    return False


def reset_after_head(call: Call) -> bool:
    _head(call, 1000)
    call.reset()
    return False


def half_body(call: Call) -> bool:
    data = bytes_of(call)
    _head(call, len(data))
    call.handler.wfile.write(data[: len(data) // 2])
    call.handler.close_connection = True
    return False


def half_body_reset(call: Call) -> bool:
    data = bytes_of(call)
    _head(call, len(data))
    call.handler.wfile.write(data[: len(data) // 2])
    call.reset()
    return False


def dripping_body(call: Call) -> bool:
    _head(call, 1_000_000)
    while not call.wait(0.05):
        call.handler.wfile.write(b" ")
    return False


def slow_first_byte(call: Call) -> bool:
    call.wait(600)
    return False


def body_that_stops(call: Call) -> bool:
    data = bytes_of(call)
    _head(call, len(data) + 100)
    call.handler.wfile.write(data)
    call.wait(600)
    return False


def body_cut_by_its_length(call: Call) -> bool:
    data = bytes_of(call)
    _head(call, len(data) // 2)
    call.handler.wfile.write(data)
    call.handler.close_connection = True
    return False


def broken_chunks(call: Call) -> bool:
    _head(call, None, Transfer_Encoding="chunked")
    call.handler.wfile.write(b"zz\r\nnot a chunk\r\n")
    call.handler.close_connection = True
    return False


def keep_alive_closed(call: Call) -> bool:
    call.send(completion(call.answer))
    call.handler.close_connection = True  # without a word: the caller's next request meets a dead connection
    return True


def not_http(call: Call) -> bool:
    call.handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    call.handler.close_connection = True
    return False


def page(call: Call) -> bool:
    call.send(b"<html><title>Sign in to the network</title></html>", Content_Type="text/html")
    return False


def text_type(call: Call) -> bool:
    call.send(completion(call.answer), Content_Type="text/plain")
    return True


def empty_body(call: Call) -> bool:
    call.send(b"")
    return False


def redirect_loop(call: Call) -> bool:
    call.send(b"", 307, Location=call.handler.path)
    return False


def redirect_to_page(call: Call) -> bool:
    call.send(b"", 302, Location="/login")
    return False


def invalid_gzip(call: Call) -> bool:
    call.send(b"\x1f\x8bnot gzip at all", Content_Encoding="gzip")
    return False


def gzip_bomb(call: Call) -> bool:
    call.send(gzip.compress(b" " * 4 * MEGABYTES, 1), Content_Encoding="gzip")
    return False


def huge_body(call: Call) -> bool:
    _head(call, MEGABYTES)
    for _ in range(64):
        call.handler.wfile.write(b" " * (1 << 20))
    return False


def invalid_utf8(call: Call) -> bool:
    call.send(bytes_of(call).replace(b"assistant", b"\xff\xfe\xc3"))
    return True


def event_stream(call: Call) -> bool:
    words = call.answer.split(" ")
    parts = [{"choices": [{"index": 0, "delta": {"content": f"{word} "}}]} for word in words]
    lines = "".join(f"data: {json.dumps(part)}\n\n" for part in parts)
    call.send(f"{lines}data: [DONE]\n\n".encode(), Content_Type="text/event-stream")
    return True


def event_stream_cut(call: Call) -> bool:
    part = {"choices": [{"index": 0, "delta": {"content": '{"queries": ['}}]}
    call.send(f"data: {json.dumps(part)}\n\ndata: {{".encode(), Content_Type="text/event-stream")
    return False


CONNECTIONS: dict[str, Reply] = {
    "reset at once": reset_at_once,
    "connection refused": refused_from_now_on,
    "closed without an answer": closed_without_answer,
    "reset after the head": reset_after_head,
    "half a body": half_body,
    "half a body, reset": half_body_reset,
    "dripping body": dripping_body,
    "slow first byte": slow_first_byte,
    "body that stops": body_that_stops,
    "Content-Length too small": body_cut_by_its_length,
    "broken chunks": broken_chunks,
    "keep-alive closed": keep_alive_closed,
    "not HTTP": not_http,
    "a web page": page,
    "wrong Content-Type": text_type,
    "empty body": empty_body,
    "redirect loop": redirect_loop,
    "redirect to a page": redirect_to_page,
    "invalid gzip": invalid_gzip,
    "gzip bomb": gzip_bomb,
    "huge body": huge_body,
    "invalid UTF-8": invalid_utf8,
    "event stream": event_stream,
    "event stream, cut": event_stream_cut,
}
