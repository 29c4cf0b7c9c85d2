"""`splade mcp` asked by the official client over standard input and output, as an agent would."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

mcp = pytest.importorskip("mcp", reason="mcp is not installed")

from mcp.client.stdio import stdio_client  # noqa: E402


async def talk(index_folder: Path) -> dict[str, Any]:
    """What a client sees and is told, in one conversation."""
    command = ["-m", "splade_cli", "mcp", "--index", str(index_folder)]
    server = mcp.StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    seen: dict[str, Any] = {}
    async with stdio_client(server) as (read, write), mcp.ClientSession(read, write) as session:
        seen["hello"] = await session.initialize()
        seen["tools"] = (await session.list_tools()).tools
        seen["search"] = await session.call_tool("search", {"query": "firing clay", "k": 2})
        first = seen["search"].structured_content["result"][0]
        seen["fetch"] = await session.call_tool("fetch", {"id": first["id"]})
        seen["document"] = await session.call_tool("fetch", {"id": "kiln.md"})
        seen["why"] = await session.call_tool("why", {"query": "firing clay", "id": "loom.md"})
        seen["unknown"] = await session.call_tool("fetch", {"id": "nowhere.md"})
        seen["empty"] = await session.call_tool("search", {"query": " "})
        seen["filtered"] = await session.call_tool("search", {"query": "clay", "filter": "nonsense >= 3"})
    return seen


def test_a_conversation(index_folder: Path, searcher: Searcher) -> None:
    seen = asyncio.run(asyncio.wait_for(talk(index_folder), 300))
    assert {tool.name for tool in seen["tools"]} == {"search", "fetch", "why"}
    assert all(tool.description and tool.input_schema["properties"] for tool in seen["tools"])
    hits = searcher.search("firing clay", 2)
    found = seen["search"].structured_content["result"]
    assert [one["id"] for one in found] == [hit.id for hit in hits]
    assert found[0]["score"] == pytest.approx(hits[0].score)
    (text,) = seen["fetch"].structured_content["result"]
    assert "1,060 degrees" in text["text"]
    assert seen["document"].structured_content == seen["fetch"].structured_content
    reasons = seen["why"].structured_content
    assert reasons["lacking"] and reasons["id"].startswith("loom.md")
    for name in ("unknown", "empty", "filtered"):
        assert seen[name].is_error, name
    assert "nowhere.md" in seen["unknown"].content[0].text


def test_a_filter_of_the_server_is_kept_beside_that_of_an_agent(index_folder: Path) -> None:
    from splade_cli.frameworks.mcp import mcp_server

    options = SearchOptions(filter="file != loom.md")
    server = mcp_server(Searcher.open(index_folder, options=options))

    def call(tool: str, **arguments: Any) -> Any:
        return asyncio.run(server.call_tool(tool, arguments))

    asked = {"query": "the loom weaves wool, the kiln fires clay", "k": 10}
    every = str(call("search", **asked))
    assert "kiln.md" in every and "loom.md" not in every
    both = str(call("search", **asked, filter="file in (loom.md, kiln.md)"))
    assert "kiln.md" in both and "loom.md" not in both
    assert "loom.md" not in str(call("search", **asked, filter="file = loom.md or file = kiln.md"))
    assert "1,060 degrees" in str(call("fetch", id="kiln.md"))
    for tool, more in (("fetch", {}), ("why", {"query": "wool"})):
        with pytest.raises(Exception, match=r"no document 'loom\.md' here"):
            call(tool, id="loom.md", **more)
