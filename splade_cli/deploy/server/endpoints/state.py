"""Endpoints about the server itself: whether it lives, what it serves, and what it has done."""

from __future__ import annotations

from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response

from splade_cli import __version__
from splade_cli.deploy.server import metrics as counted
from splade_cli.deploy.server.abilities import Abilities
from splade_cli.deploy.server.endpoints.service import Service, service_of
from splade_cli.deploy.server.openapi import openapi_document
from splade_cli.deploy.server.refusals import busy, json_response
from splade_cli.deploy.server.served_index import ServedIndex
from splade_cli.index.metadata.fields import OWN_FIELDS
from splade_cli.records import JsonValue
from splade_cli.search.session.replies import OutcomeReply


async def health(request: Request) -> Response:
    """GET /health: the process answers."""
    return json_response({"status": "ok"})


async def ready(request: Request) -> Response:
    """GET /ready: it would answer a search now."""
    service = service_of(request)
    limits = service.options.limits
    if service.gate.inside >= limits.concurrency + limits.waiting:
        raise busy("all places are taken", "ask again in a second")
    return json_response({"status": "ready", "generation": service.index.now.generation})


async def info(request: Request) -> Response:
    """GET /info, by the names of text-embeddings-inference, and of the index."""
    return json_response(_info(service_of(request)))


def _info(service: Service) -> dict[str, JsonValue]:
    limits = service.options.limits
    served = service.index.now
    index = served.index
    made_by = index.info.encoder
    fields: dict[str, JsonValue] = {**served.searcher.fields()}
    return {
        "model_id": _public_name(made_by.name),
        "model_sha": made_by.identity or None,
        "model_dtype": made_by.precision,
        "model_type": {"embedding": {"pooling": "splade"}},
        "max_concurrent_requests": limits.concurrency + limits.waiting,
        "max_input_length": made_by.max_seq_length or 512,
        "max_client_batch_size": limits.texts,
        "auto_truncate": False,
        "version": __version__,
        "index": {
            "chunks": len(index),
            "documents": index.documents,
            "dimensions": index.dimensions,
            "generation": served.generation,
            "mode": served.searcher.mode,
            "modes": list(served.searcher.modes),
            "fields": fields,
            "queries": "model" if index.info.query is None else index.info.query.kind,
            "reranks": served.searcher.options.reranker is not None,
        },
        "limits": {**limits.__dict__},
        "marks": service.marks is not None,
        "ab": service.log is not None,
        "systems": [_system(each, len(service.systems)) for each in service.systems],
    }


def _system(served: ServedIndex, count: int) -> JsonValue:
    """An index of so many that a request may name by `system`; one alone needs no folder to be told by."""
    searcher = served.now.searcher
    name = served.name if count > 1 else served.name.rpartition("/")[2]
    return {"name": name, "mode": searcher.mode, "modes": list(searcher.modes)}


def _public_name(name: str) -> str:
    """The model's name without the folders of this machine; a hub id as it is."""
    if PurePath(name).is_absolute() or name.startswith(("~", ".")):
        return PurePath(name).name
    return name


async def ab(request: Request) -> Response:
    """GET /ab: how an A/B test stands; its outcome is null where there is none."""
    service = service_of(request)
    log = service.log
    if log is None:
        return json_response({"outcome": None})
    return json_response(await service.run(lambda: OutcomeReply(log.outcome()).to_json()))


async def metrics(request: Request) -> Response:
    """GET /metrics, for Prometheus."""
    service = service_of(request)
    served = service.index.now
    gauges = {
        "splade_index_generation": ("The generation that is served.", float(served.generation)),
        "splade_index_chunks": ("Texts that can be found.", float(len(served.index))),
        "splade_requests_in_progress": ("Requests that are answered or wait.", float(service.gate.inside)),
        "splade_peak_memory_bytes": ("Largest resident memory so far.", counted.peak_memory()),
    }
    return Response(service.metrics.text(gauges), headers={"Content-Type": counted.CONTENT_TYPE})


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    service = service_of(request)
    return json_response(openapi_document(_abilities(service)))


def _abilities(service: Service) -> Abilities:
    served = service.index.now
    searcher = served.searcher
    rows = served.index.live_rows()
    return Abilities(
        limits=service.options.limits,
        parts=searcher.ranker.parts,
        modes=searcher.modes,
        fields=(*OWN_FIELDS, *searcher.fields()),
        systems=1 if service.other is None else 2,
        token=service.options.token is not None,
        reranker=searcher.options.reranker is not None,
        frequencies="frequencies" in searcher.engine.capabilities,
        documents=served.documents is not None,
        id=served.index.chunks[int(rows[0])].id if len(rows) else "",
    )
