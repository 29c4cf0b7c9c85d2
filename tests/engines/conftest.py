"""Indexes in memory of texts, ids and metadata of all kinds; real servers, where their packages are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.store import Store
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Chunk, EncoderInfo, JsonValue
from tests.engines.servers import milvus_url as milvus_url
from tests.engines.servers import postgres_url as postgres_url
from tests.engines.servers import seekdb_url as seekdb_url

DIMENSIONS = 300
MOST_ROWS = 100
ODD_IDS = ("a b", "quote'\"\\", "ünï/コード::1", "%_*?", "new\nline", "x" * 240, "0", "DROP TABLE docs;--")
METADATA: tuple[dict[str, JsonValue], ...] = (
    {"lang": "en", "year": 2019, "tags": ["a", "b"], "path": "guide/one.md"},
    {"lang": "NO", "year": 2020.5, "draft": True, "path": "guide/two.TXT"},
    {"lang": "Straße", "year": "2021", "tags": ["c", 7], "draft": False},
    {"lang": "no", "year": "2021-05-03", "author": {"name": 'O\'Neil "x"'}},
    {"lang": "de\0nul", "year": 10, "tags": []},
    {"lang": None, "year": "9", "notes": "100% _sure_ \\ yes"},
    {"draft": "yes", "year": -3, "tags": "b"},
)
MakeIndex = Callable[..., SpladeIndex]
OpenStore = Callable[[], Store]


def chunk(number: int, text: str = "") -> Chunk:
    """A chunk whose id and metadata are odd in a way of their own."""
    document = f"d{number // 2}"
    name = ODD_IDS[number] if number < len(ODD_IDS) else f"{document}::{number % 2}"
    text = text or f"text {number} with NUL \0, a quote ' and 日本"
    metadata = METADATA[number % len(METADATA)]
    return Chunk(name, document, text, f"T{number % 5}", ("Part", "Ch"), number, number + 9, metadata)


def vectors(rows: int, seed: int = 0, dimensions: int = DIMENSIONS) -> sp.csr_matrix:
    """Random weights, of which the last row has none, and the one before it those of the first."""
    random = np.random.default_rng(seed)
    dense = random.random((MOST_ROWS, dimensions), dtype=np.float32) * 3
    dense[random.random((MOST_ROWS, dimensions)) > 0.07] = 0
    dense = dense[:rows]
    dense[-1] = 0
    dense[-2] = dense[0]
    return sp.csr_matrix(dense)


@pytest.fixture(scope="session")
def make_index() -> MakeIndex:
    """Makes an index of so many rows; some may be left out, others have another text."""

    def make(
        rows: int = 60, without: frozenset[int] = frozenset(), changed: frozenset[int] = frozenset()
    ) -> SpladeIndex:
        kept = [number for number in range(rows) if number not in without]
        chunks = [chunk(number, f"changed {number}" if number in changed else "") for number in kept]
        return SpladeIndex.from_vectors(
            vectors(rows)[kept], chunks=chunks, encoder=EncoderInfo("made up", "1" * 64)
        )

    return make


@pytest.fixture(scope="session")
def queries() -> sp.csr_matrix:
    """Twenty queries, one of which has no term."""
    return vectors(20, seed=1)


@pytest.fixture(params=["postgres", "postgres-hnsw", "milvus", "seekdb"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store, of each engine in turn."""
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    kind, _, index = request.param.partition("-")
    url: str = request.getfixturevalue(f"{kind}_url")
    if kind == "postgres":
        url += "&table="
    return f"{url}{name}&index={index}" if index else url + name


@pytest.fixture
def open_new(store_url: str) -> Iterator[OpenStore]:
    """Opens the store anew; what is in it goes when the test ends."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(open_store(store_url)[0])
        return opened[-1]

    yield open_one
    open_one().clear()
    for each in opened:
        each.close()


@pytest.fixture
def shown(store_url: str) -> str:
    """The address, as it may be shown."""
    return str(EngineAddress.parse(store_url))
