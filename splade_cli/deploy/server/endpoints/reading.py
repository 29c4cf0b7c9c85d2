"""Requests read: a query string or a JSON body as a model of `parameters`, and refusals of what is none."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from splade_cli.deploy.server.endpoints.parameters import Parameters
from splade_cli.deploy.server.options import Limits
from splade_cli.deploy.server.refusals import Refusal
from splade_cli.errors import did_you_mean

Model = TypeVar("Model", bound=Parameters)


def of_query(request: Request, model: type[Model]) -> Model:
    """The parameters of a query string. Raises Refusal where they are not what they should be."""
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise Refusal(400, f"{name[:100]} is given twice", "several queries go into a body: POST /search")
        values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(error, model, "parameter") from None


async def of_body(request: Request, model: type[Model], limits: Limits) -> Model:
    """The parameters of a JSON body. Raises Refusal where it is too large, too slow, or not what it should
    be."""
    body = await _body(request, limits)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _refusal(error, model, "key") from None


async def parameters(request: Request, model: type[Model], limits: Limits) -> Model:
    """Of the body of a POST, else of the query string."""
    if request.method == "POST":
        return await of_body(request, model, limits)
    return of_query(request, model)


async def _body(request: Request, limits: Limits) -> bytes:
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated[:20]) > limits.body_bytes:
        raise _too_large(limits)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                parts.append(part)
    except TimeoutError:
        raise Refusal(
            408, f"the body did not arrive within {limits.seconds:g} seconds", "send it at once"
        ) from None
    except ClientDisconnect:
        raise Refusal(400, "the body ended early", "send all of it") from None
    return b"".join(parts)


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is larger than {limits.body_bytes:,} bytes", "send less at once")


def _refusal(error: ValidationError, model: type[Parameters], what: str) -> Refusal:
    """The first mistake, by the name of what is wrong."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part)[:100] for part in first["loc"])
    names = _names(model)
    if first["type"] == "extra_forbidden":
        hint = did_you_mean(name, names) or f"there are {', '.join(names)}"
        return Refusal(400, f"unknown {what} '{name}'", hint)
    if first["type"] == "missing":
        return Refusal(400, f"{name} is missing", f"{what}s are {', '.join(names)}")
    if first["type"] == "json_invalid":
        return Refusal(400, "the body is no JSON", 'such as {"q": "how to reset a password"}')
    given = ""
    if isinstance(first["input"], str | int | float | bool):
        given = f", got {str(first['input'])[:100]!r}"
    return Refusal(400, f"{name or 'the body'}: {first['msg']}{given}", f"{what}s are {', '.join(names)}")


def _names(model: type[Parameters]) -> list[str]:
    return list(model.model_fields)
