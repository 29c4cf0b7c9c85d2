"""One push at a time at a store whose server has no lock: leases in its record."""

from __future__ import annotations

import os
import platform
from dataclasses import replace

import pytest

from splade_cli.engines.remote.facts import Lease, StoreFacts
from splade_cli.engines.remote.pushing.turn import _OF_THIS_PROCESS, SECONDS, Turn
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.errors import InputError

FACTS = StoreFacts(10, generation=3, rows=5)


class Record(StoreDefaults):
    """A store as far as its record."""

    def __init__(self) -> None:
        self.facts: StoreFacts | None = FACTS

    def read_facts(self) -> StoreFacts | None:
        return self.facts

    def write_facts(self, facts: StoreFacts) -> None:
        self.facts = StoreFacts.from_json(facts.to_json())

    def clear(self) -> None:
        self.facts = None


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def turn(record: Record, clock: Clock) -> Turn:
    return Turn(record, "qdrant://h/docs", clock)  # type: ignore[arg-type]


def begun(record: Record, clock: Clock) -> Turn:
    """A push that has written its first record."""
    mine = turn(record, clock)
    mine.take()
    record.write_facts(mine.marked(FACTS))
    mine.keep(FACTS, now=True)
    return mine


def test_a_second_push_is_refused_until_the_first_has_ended() -> None:
    record = Record()
    clock = Clock()
    first = begun(record, clock)
    with pytest.raises(InputError, match="another push to qdrant://h/docs is under way") as refused:
        turn(record, clock).take()
    assert str(os.getpid()) in str(refused.value) and refused.value.hint
    first.end()
    assert turn(record, clock).take() is not None


def test_of_two_that_begin_together_one_goes_on() -> None:
    record = Record()
    clock = Clock()
    first = turn(record, clock)
    second = turn(record, clock)
    first.take()
    second.take()
    record.write_facts(first.marked(FACTS))
    first.keep(FACTS, now=True)
    record.write_facts(second.marked(FACTS))
    second.keep(FACTS, now=True)
    with pytest.raises(InputError, match="under way"):
        first.keep(FACTS, now=True)
    second.keep(FACTS, now=True)


def test_a_lease_is_renewed_now_and_then() -> None:
    record = Record()
    clock = Clock()
    mine = begun(record, clock)
    clock.now += 1
    mine.keep(FACTS)
    assert record.facts is not None and record.facts.lease is not None
    assert record.facts.lease.until == 1000 + SECONDS
    clock.now += 100
    mine.keep(FACTS)
    assert record.facts.lease.until == 1101 + SECONDS


def test_a_push_that_stood_still_ends_where_another_has_come_before() -> None:
    record = Record()
    clock = Clock()
    first = begun(record, clock)
    clock.now += SECONDS + 1
    second = Turn(record, "qdrant://h/docs", clock)  # type: ignore[arg-type]
    # as if on another machine, where nothing is known of the first
    _OF_THIS_PROCESS.discard(first._token)
    facts = second.take()
    assert facts is not None
    record.write_facts(second.marked(replace(facts, loading=4)))
    second.keep(replace(facts, loading=4), now=True)
    with pytest.raises(InputError, match="under way"):
        first.keep(FACTS, now=True)
    record.write_facts(replace(facts, generation=4, next_position=10))
    with pytest.raises(InputError, match="came to its end while this one stood still") as refused:
        first.keep(FACTS, now=True)
    assert "the same command again" in refused.value.hint
    assert record.facts is not None and record.facts.generation == 4, "and is left as it is"


def test_a_push_that_stood_still_ends_where_the_store_was_cleared_meanwhile() -> None:
    record = Record()
    mine = begun(record, Clock())
    record.clear()
    with pytest.raises(InputError, match="was cleared while this push stood still") as refused:
        mine.keep(FACTS, now=True)
    assert "the same command again" in refused.value.hint
    assert record.facts is None, "and leaves no record of its own"


@pytest.mark.parametrize("is_cleared", [False, True], ids=["an empty store", "one that it cleared itself"])
def test_a_record_that_is_not_seen_at_once_is_waited_for(is_cleared: bool) -> None:
    record = Record()
    mine = turn(record, Clock())
    if is_cleared:
        mine.take()
        mine.clear()
    else:
        record.clear()
        mine.take()
    mine.marked(FACTS)
    mine.keep(FACTS, now=True)
    assert record.facts is not None, "is written again, as nobody can have removed it"
    mine.keep(FACTS, now=True)
    record.clear()
    with pytest.raises(InputError, match="was cleared while this push stood still"):
        mine.keep(FACTS, now=True)


def test_a_lock_that_was_lost_and_taken_again_goes_on_with_the_same_record_only() -> None:
    class Locked(Record):
        def try_lock(self) -> bool:
            return True

    record = Locked()
    mine = begun(record, Clock())
    mine.keep(FACTS, now=True)
    record.write_facts(replace(FACTS, generation=4))
    with pytest.raises(InputError, match="came to its end while this one stood still"):
        mine.keep(FACTS, now=True)


@pytest.mark.parametrize(
    ("lease", "is_free"),
    [
        (Lease("x", "elsewhere", 1, 1000 + SECONDS), False),
        (Lease("x", "elsewhere", 1, 999), True),
        (Lease("x", platform.node(), 2**22 + 1, 1000 + SECONDS), True),
        (Lease("x", platform.node(), os.getppid(), 1000 + SECONDS), False),
        (Lease("x", platform.node(), os.getpid(), 1000 + SECONDS), True),
    ],
    ids=[
        "of another machine",
        "too old",
        "of a process that is no more",
        "of one that lives",
        "of a failed one",
    ],
)
def test_whose_lease_counts(lease: Lease, is_free: bool) -> None:
    record = Record()
    record.facts = replace(FACTS, lease=lease)
    taking = turn(record, Clock())
    if is_free:
        assert taking.take() is not None
        return
    with pytest.raises(InputError, match="under way"):
        taking.take()
