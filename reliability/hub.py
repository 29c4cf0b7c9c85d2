"""A model hub on loopback that keeps what is pushed: the routes that huggingface_hub calls for an upload."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = "me/kilns"
TOKEN = "hf_good"
READER = "hf_reader"
"""A token that may not write."""


class Hub(ThreadingHTTPServer):
    """One repository, its files by name.

    Args:
        folder: where commits are written to as well.

    Attributes:
        corrupt: a file of which a byte is lost.
    """

    daemon_threads = True

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.folder = folder
        self.files: dict[str, bytes] = {}
        self.large: dict[str, bytes] = {}
        self.created: list[dict[str, Any]] = []
        self.messages: list[str] = []
        self.corrupt = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    """The routes that huggingface_hub calls for an upload without xet."""

    disable_nagle_algorithm = True  # a body behind its head is not held back for 40 ms
    server: Hub

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(data)

    def may(self) -> bool:
        given = self.headers.get("Authorization")
        if given in (f"Bearer {TOKEN}", f"Bearer {READER}"):
            return True
        self.answer({"error": "Invalid token"}, 401)
        return False

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self.may():
            return
        if path == "/api/whoami-v2":
            self.answer({"type": "user", "name": "me", "orgs": []})
        elif path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            self.answer([self.entry(name, data) for name, data in self.server.files.items()])
        else:
            self.answer({"error": "not found"}, 404)

    def entry(self, name: str, data: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": blob}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return entry

    def do_PUT(self) -> None:
        self.server.large[urlsplit(self.path).path.rpartition("/")[2]] = self.body()
        self.answer({})

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self.body()
        if not self.may():
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "you have read access only"}, 403)
        elif path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.answer(
                {"url": f"{self.server.url}/{REPOSITORY}"}, 409 if len(self.server.created) > 1 else 200
            )
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif path == f"/api/models/{REPOSITORY}/preupload/main":
            modes = [
                {"path": file["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular"}
                for file in json.loads(body)["files"]
            ]  # fmt: skip
            self.answer({"files": modes})
        elif path == f"/{REPOSITORY}.git/info/lfs/objects/batch":
            wanted = json.loads(body)["objects"]
            links = [
                {**each, "actions": {"upload": {"href": f"{self.server.url}/lfs/{each['oid']}"}}}
                for each in wanted
            ]
            self.answer({"transfer": "basic", "objects": links})
        elif path == f"/api/models/{REPOSITORY}/commit/main":
            self.commit([json.loads(line) for line in body.splitlines()])
        else:
            self.answer({"error": f"not found: {path}"}, 404)

    def commit(self, operations: list[dict[str, Any]]) -> None:
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "header":
                self.server.messages.append(value["summary"])
            elif operation["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                self.server.files[value["path"]] = self.server.large[value["oid"]]
        if self.server.corrupt:
            self.server.files[self.server.corrupt] = self.server.files[self.server.corrupt][:-1] + b"?"
        if self.server.folder is not None:
            for name, data in self.server.files.items():
                path = self.server.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        oid = "c" * 40
        self.answer({"commitUrl": f"{self.server.url}/{REPOSITORY}/commit/{oid}", "commitOid": oid})


@contextmanager
def running_hub(folder: Path | None = None) -> Iterator[Hub]:
    """A `Hub` that answers until the block ends."""
    server = Hub(folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def variables_of(hub: Hub) -> dict[str, str]:
    """The environment of a command that is to reach `hub` alone."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
