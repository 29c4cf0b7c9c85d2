"""What every endpoint works with: the index, the gate, the counts and the options of one server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from starlette.requests import Request

from splade_cli.deploy.server.gate import Gate
from splade_cli.deploy.server.metrics import Metrics
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.served_index import ServedIndex
from splade_cli.search.interleaving.ab_test import AbTest
from splade_cli.search.interleaving.preferences import PreferenceLog
from splade_cli.search.session.marks import Marks

Result = TypeVar("Result")


@dataclass(frozen=True)
class Service:
    """The parts of one server.

    Attributes:
        marks: None where it takes no verdicts.
        other, log: the second index of an A/B test, and what people prefer; None where there is no test.
    """

    options: ServerOptions
    index: ServedIndex
    gate: Gate
    metrics: Metrics
    marks: Marks | None
    other: ServedIndex | None = None
    log: PreferenceLog | None = None

    @property
    def ab(self) -> AbTest | None:
        """The A/B test over the generation of the second index that is served now."""
        if self.other is None or self.log is None:
            return None
        return AbTest(self.other.now.searcher, self.log)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work()` gives, in a thread of the gate's; raises as `Gate.run`."""
        return await self.gate.run(work)


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    return cast(Service, request.app.state.service)
