"""Stores of Elasticsearch and OpenSearch by their addresses.

elasticsearch+https://user@host:9200/docs          opensearch+https://user@host:9200/docs
opensearch+https://host:9200/docs?field=seismic&ceiling=3
"""

from __future__ import annotations

from dataclasses import replace

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.web.client import JsonClient
from splade_cli.engines.web.lucene import elasticsearch, opensearch
from splade_cli.engines.web.lucene.filters import Body
from splade_cli.engines.web.lucene.store import Dialect, LuceneStore
from splade_cli.errors import InputError

EXACT, SEISMIC = "exact", "seismic"


def connect(address: EngineAddress) -> LuceneStore:
    """A store at an address; nothing is asked of the server yet.

    Raises:
        InputError: parameters that there are not.
    """
    if address.scheme == "elasticsearch":
        address.require_parameters("index")
        return _elasticsearch(address)
    address.require_parameters("index", "field", "ceiling")
    return _opensearch(address)


def _elasticsearch(address: EngineAddress) -> LuceneStore:
    headers = {"Authorization": f"ApiKey {address.token}"} if address.token else {}
    dialect = Dialect(
        elasticsearch.LIMITS,
        elasticsearch.TOLERANCE,
        elasticsearch.index_body,
        elasticsearch.search_body,
    )
    return LuceneStore(address, JsonClient(address, headers), dialect)


def _opensearch(address: EngineAddress) -> LuceneStore:
    headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
    client = JsonClient(address, headers)
    field = address.parameter("field", EXACT)
    if field not in (EXACT, SEISMIC):
        raise InputError(f"field={field} in {address}", f"field={EXACT} or field={SEISMIC}")
    if field == EXACT:
        dialect = Dialect(
            opensearch.LIMITS, opensearch.TOLERANCE, opensearch.index_body, opensearch.search_body
        )
        return LuceneStore(address, client, dialect)
    ceiling = float(address.number("ceiling", int(opensearch.CEILING)))

    def index_body(fields: int) -> Body:
        return opensearch.seismic_index_body(fields, ceiling)

    dialect = Dialect(
        replace(opensearch.LIMITS, engine=f"OpenSearch (ceiling={ceiling:g})", weight=ceiling),
        opensearch.SEISMIC_TOLERANCE,
        index_body,
        opensearch.seismic_search_body,
        exact=False,
    )
    return LuceneStore(address, client, dialect)
