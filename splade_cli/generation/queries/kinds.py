"""Kinds of queries in set proportions: whose turn it is, each kind as often as its share says."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from splade_cli.errors import OptionError, did_you_mean

Proportions = Mapping[str, float]
"""Parts of each kind, e.g. ``{"question": 3, "keywords": 2, "typo": 1}``."""
FINEST = 100
"""Turns at most before they begin again."""


def check_proportions(proportions: Proportions, known: Collection[str]) -> None:
    """Raises OptionError for a kind that is not `known`, a share below 0, or none above it."""
    for kind, share in proportions.items():
        if kind not in known:
            raise OptionError(
                f"no such kind of query here: '{kind}'",
                did_you_mean(kind, known) or f"kinds: {', '.join(known)}",
            )
        if not 0 <= share < float("inf"):
            raise OptionError(f"a share of {share:g} for the kind '{kind}'", "shares are 0 or more")
    if not any(proportions.values()):
        raise OptionError("no kind of query has a share above 0", f"kinds: {', '.join(known)}")


def turns(proportions: Proportions) -> tuple[str, ...]:
    """Kinds in turn, spread evenly: smooth weighted round-robin, as load balancers have it.

    Each stands in it as often as its share says, to one in `FINEST`; a share above 0 at least once.
    """
    wanted = {kind: share for kind, share in proportions.items() if share > 0}
    total = sum(wanted.values())
    counts = {kind: float(share) for kind, share in wanted.items()}
    if total > FINEST or any(share != int(share) for share in wanted.values()):
        counts = {kind: float(max(1, round(FINEST * share / total))) for kind, share in wanted.items()}
    length = int(sum(counts.values()))
    credits = dict.fromkeys(counts, 0.0)
    order = []
    for _ in range(length):
        for kind, count in counts.items():
            credits[kind] += count
        chosen = max(credits, key=lambda kind: credits[kind])
        credits[chosen] -= length
        order.append(chosen)
    return tuple(order)
