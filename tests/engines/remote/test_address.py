"""Addresses of engines: what they say, what they hide, what is refused."""

from __future__ import annotations

import pytest

from splade_cli.engines.remote.address import EngineAddress, redacted
from splade_cli.engines.remote.opening import KINDS, open_store
from splade_cli.errors import InputError


def test_parts_of_an_address() -> None:
    address = EngineAddress.parse("postgresql://me:p%40ss@Db.example:5433/shop?table=docs&sslmode=require")
    assert (address.scheme, address.host, address.port, address.path) == (
        "postgresql",
        "Db.example",
        5433,
        "shop",
    )
    assert (address.user, address.password) == ("me", "p@ss")
    assert (address.name("table"), address.parameter("sslmode")) == ("docs", "require")
    assert EngineAddress.parse("qdrant+https://h:6333/notes").name("collection") == "notes"
    assert EngineAddress.parse("postgresql://h/db").name("table") == "splade"
    assert EngineAddress.parse("milvus:///data/a b.db?collection=x").path == "data/a b.db"
    assert EngineAddress.parse("qdrant+http://[::1]:6333/notes").base_url == "http://[::1]:6333"


def test_a_password_comes_from_the_environment_where_the_url_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPLADE_ENGINE_PASSWORD", "hidden")
    monkeypatch.setenv("SPLADE_ENGINE_TOKEN", "key")
    address = EngineAddress.parse("postgresql://me@h/db")
    assert (address.password, address.token) == ("hidden", "key")
    assert EngineAddress.parse("postgresql://me:own@h/db").password == "own"
    for shown in (str(address), repr(address)):
        assert "hidden" not in shown
        assert "'key'" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@h:5432/db?table=t",
        "postgresql://me@h/db?password=secret",
        "qdrant+http://h/t?api_key=secret&x=1",
        "postgresql://me:sec@ret/secret@h/db",
        "postgresql://me:secret@h:port/db",
    ],
)
def test_nothing_that_is_shown_holds_a_password(url: str) -> None:
    assert "secret" not in redacted(url)
    try:
        shown = str(EngineAddress.parse(url))
    except InputError as error:
        shown = f"{error.message} {error.hint}"
    assert "secret" not in shown.replace("ret/secret", "")


@pytest.mark.parametrize(
    "url", ["", "docs", "postgresql", "postgresql+ftp://h/db", "postgresql://h:99999999/d"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is no URL of an engine"):
        EngineAddress.parse(url)


def test_parameters_are_names_and_numbers() -> None:
    address = EngineAddress.parse("postgresql://h/d?table=bad;name&m=0&ef=x")
    for call in (
        lambda: address.name("table"),
        lambda: address.number("m", 1),
        lambda: address.number("ef", 1),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(InputError, match="unknown parameter 'm'"):
        address.require_parameters("table")


def test_an_engine_that_is_not_known_is_named_with_those_that_are() -> None:
    with pytest.raises(InputError, match="no engine 'postgresq'") as caught:
        open_store("postgresq://h/db")
    assert caught.value.hint == "did you mean 'postgresql'?"


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("splade_cli.engines.remote.opening.find_spec", lambda name: None)
    with pytest.raises(InputError, match="postgresql needs psycopg, not installed") as caught:
        open_store("postgresql://h/db")
    assert caught.value.hint == 'pip install "splade-cli[postgres]"'
    assert all(kind.extra or not kind.packages for kind in KINDS.values())


@pytest.mark.parametrize("kind", ["qdrant", "opensearch", "elasticsearch", "vespa", "milvus"])
def test_an_address_without_a_transport_names_nothing(kind: str) -> None:
    with pytest.raises(InputError, match=f"{kind}://me@h:6333/docs does not say") as caught:
        open_store(f"{kind}://me:hidden@h:6333/docs")
    assert caught.value.hint == f"type {kind}+https://me@h:6333/docs or {kind}+http://me@h:6333/docs"


@pytest.mark.parametrize(
    "url", ["pinecone://h/docs", "pinecone+http://h/docs", "pinecone+http://10.0.0.1/docs"]
)
def test_a_key_is_not_sent_in_clear_text(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLADE_ENGINE_TOKEN", "key")
    with pytest.raises(InputError) as caught:
        open_store(url)
    assert caught.value.hint.startswith("type pinecone+https://") and " or " not in caught.value.hint
    for allowed in (
        "pinecone+https://h/docs",
        "pinecone+http://127.0.0.1:9/docs",
        "pinecone+http://localhost:9/docs",
    ):
        store, address = open_store(allowed)
        assert address.base_url.startswith(allowed.partition("+")[2].rpartition("/")[0])
        store.close()


def test_a_file_of_milvus_lite_needs_no_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.engines.remote.opening.find_spec", lambda name: None)
    with pytest.raises(InputError, match="milvus needs pymilvus"):
        open_store("milvus:///folder/file.db?collection=docs")
