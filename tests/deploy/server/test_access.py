"""Who may ask: tokens, names of the server, addresses that are open to all; and headers of every answer."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest
from starlette.testclient import TestClient

from splade_cli.deploy.server.options import Limits, ServerOptions
from splade_cli.errors import InputError

TOKEN = "0123456789abcdef"


def test_a_token_is_asked_for_everywhere_but_at_the_page_and_the_probes(serve: Any) -> None:
    client = serve(token=TOKEN)
    for path in ("/", "/page.js", "/page.css", "/icon.svg", "/health", "/ready"):
        assert client.get(path).status_code == 200, path
    for path in ("/search?q=saw", "/info", "/metrics", "/openapi.json", "/mark?q=saw", "/facets", "/nowhere"):
        refused = client.get(path)
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"] == "Bearer" and refused.json()["hint"]
    for header in (f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer é"):
        wrong = client.get("/search?q=saw", headers={"Authorization": header.encode()})
        assert wrong.status_code == 401, header
    right = client.get("/search?q=saw", headers={"Authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200


def test_a_loopback_server_answers_to_its_own_names_only(serve: Any) -> None:
    client = serve(hosts=("search.example",))
    for name in ("localhost:8080", "127.0.0.1", "[::1]:8080", "[::1]", "LOCALHOST", "search.example"):
        assert client.get("/health", headers={"Host": name}).status_code == 200, name
    for name in ("evil.example", "localhost.evil.example:8080", ""):
        assert client.get("/health", headers={"Host": name}).status_code == 403, name


def test_no_page_of_another_site_may_read_or_mark(client: TestClient) -> None:
    headers = {"Origin": "https://evil.example"}
    assert "access-control-allow-origin" not in client.get("/search?q=saw", headers=headers).headers
    assert client.options("/mark", headers=headers).status_code == 405
    body = '{"q": "saw", "id": "d3", "verdict": "good"}'
    sent = client.post("/mark", content=body, headers={**headers, "Content-Type": "text/plain"})
    assert sent.status_code == 415 and client.get("/mark?q=saw").json()["marks"] == {}


def test_every_answer_has_the_headers_that_keep_a_browser_safe(client: TestClient) -> None:
    for path in ("/", "/search?q=saw", "/search", "/nowhere", "/page.js"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_other_addresses_than_loopback_need_a_token_or_a_word(host: str) -> None:
    with pytest.raises(InputError, match="other machines") as refused:
        ServerOptions(host=host).check()
    assert refused.value.option == "without_token"
    ServerOptions(host=host, token=TOKEN).check()
    ServerOptions(host=host, open=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    ServerOptions(host=host).check()


@pytest.mark.parametrize(
    "options",
    [
        {"token": ""},
        {"token": "short"},
        {"token": "ä" * 20},
        {"port": 70_000},
        {"workers": 0},
        {"workers": 100_000},
    ],
)
def test_values_that_no_server_can_have(options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        ServerOptions(**options).check()
    assert refused.value.hint
    assert "short" not in str(refused.value), "a token is not told"


def test_a_limit_is_told_by_the_option_that_sets_it() -> None:
    from splade_cli.cli.commands.serve import serve

    taken = inspect.signature(serve).parameters
    for field in fields(Limits):
        with pytest.raises(InputError, match=" must be above 0") as refused:
            Limits(**{field.name: -1}).check()
        assert refused.value.option in {*taken, "texts", "text_characters"}
    with pytest.raises(InputError, match="timeout must be above 0, got nan"):
        Limits(seconds=float("nan")).check()
