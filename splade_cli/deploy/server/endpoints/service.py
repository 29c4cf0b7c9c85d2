"""What every endpoint works with: the index, the gate, the counts and the options of one server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from starlette.requests import Request

from splade_cli.deploy.server.gate import Gate
from splade_cli.deploy.server.metrics import Metrics
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.refusals import Refusal
from splade_cli.deploy.server.served_index import Served, ServedIndex
from splade_cli.search.interleaving.ab_test import AbTest
from splade_cli.search.interleaving.preferences import PreferenceLog
from splade_cli.search.interleaving.team_draft import Team
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

    @property
    def systems(self) -> list[ServedIndex]:
        """The indexes that requests may name: the first is ``a``, a second one ``b``."""
        return [each for each in (self.index, self.other) if each is not None]

    def side(self, system: Team | None) -> Served:
        """What one of the two systems serves now, the first where none is named.

        Raises:
            Refusal: there is no second one.
        """
        if system != "b":
            return self.index.now
        if self.other is None:
            raise Refusal(
                400, "this server has no second index", "leave system out, or start it with two (ab)"
            )
        return self.other.now

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work()` gives, in a thread of the gate's; raises as `Gate.run`."""
        return await self.gate.run(work)


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    return cast(Service, request.app.state.service)
