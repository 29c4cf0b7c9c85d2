"""A push: the rows of an index into a store, and later what has changed between two generations.

A row that is there is told from one that has changed by its digest, so a push that was interrupted goes on
where it was, a repeated one writes nothing, and any generation can follow any other. One batch of rows is in
memory at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Checked, check
from splade_cli.engines.remote.pushing.turn import Turn
from splade_cli.engines.remote.rows import Rows, rows_of
from splade_cli.engines.remote.store import EngineWriter
from splade_cli.errors import InputError, ServiceError
from splade_cli.index.index import SpladeIndex
from splade_cli.progress import Progress, silent

IDS_AT_ONCE = 1000


@dataclass(frozen=True)
class PushOptions:
    """How to push.

    Attributes:
        sync: bring a store that holds another generation, or another index of the same model, up to date.
        force: remove what was pushed there before, and begin anew.
        dry_run: count what would be written and deleted, and change nothing.
        batch_rows: rows that are sent at once; None leaves it to the engine.
    """

    sync: bool = False
    force: bool = False
    dry_run: bool = False
    batch_rows: int | None = None


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        checked: the look at the index before it.
        written, deleted, unchanged: rows; those of an interrupted push that were there are unchanged.
        resumed: it went on where an earlier one was interrupted.
    """

    checked: Checked
    written: int
    deleted: int
    unchanged: int
    resumed: bool = False


def push(
    index: SpladeIndex,
    store: EngineWriter,
    address: str,
    options: PushOptions | None = None,
    progress: Progress = silent,
) -> Pushed:
    """Writes an index into a store.

    Args:
        address: of the store, as it may be shown.

    Raises:
        InputError: a limit of the engine that the index goes beyond, or a store that holds something else.
            Another push that is under way.
        ServiceError: the server fails, or holds other rows in the end than were written.
    """
    options = options or PushOptions()
    checked = check(index, store.limits)
    turn = Turn(store, address)
    try:
        return _push(index, store, address, options, progress, checked, turn)
    finally:
        turn.end()


def _push(
    index: SpladeIndex,
    store: EngineWriter,
    address: str,
    options: PushOptions,
    progress: Progress,
    checked: Checked,
    turn: Turn,
) -> Pushed:
    before = store.read_facts() if options.dry_run else turn.take()
    if options.force:
        if before is not None and not options.dry_run:
            turn.clear()
        # a dry run counts as if it had been cleared
        before = None
    facts = StoreFacts.of(index, LocalEngine(index).fields())
    if before is not None:
        before.require_index(index, address)
        _require_wanted(before, facts, options, address)
        facts = replace(before, encoder=facts.encoder, query=facts.query, loading=facts.loading, lease=None)
    if not options.dry_run:
        store.prepare(turn.marked(facts))
        store.write_facts(turn.marked(facts))
        turn.keep(facts, now=True)
    is_new = before is None

    def told(stage: str, done: int, total: int | None) -> None:
        if not options.dry_run:
            turn.keep(facts)
        progress(stage, done, total)

    written, unchanged = _write(index, store, facts, options, told, is_new=is_new)
    deleted = 0
    expected = checked.rows
    if not store.limits.empty:
        expected -= checked.empty
    if not is_new and (options.dry_run or store.count() != expected):
        deleted = _delete(index, store, options)
    pushed = Pushed(checked, written, deleted, unchanged, before is not None and before.loading > 0)
    if options.dry_run:
        return pushed
    turn.keep(facts, now=True)
    store.finish()
    there = store.count()
    if there != expected:
        raise ServiceError(
            f"{address} holds {there:,} rows after {expected:,} were written",
            "is another push under way? Then type the same command again",
        )
    done = replace(
        facts,
        generation=facts.loading,
        loading=0,
        rows=there,
        next_position=facts.next_position + checked.rows,
        fields=dict(LocalEngine(index).fields()),
    )
    store.write_facts(done)
    return pushed


def _require_wanted(before: StoreFacts, facts: StoreFacts, options: PushOptions, address: str) -> None:
    """Raises InputError where a store is whole, and nobody asked to change it."""
    if options.sync or options.force or not before.generation:
        return
    raise InputError(
        f"{address} holds generation {before.generation} of an index ({before.rows:,} rows), "
        f"this one is generation {facts.loading}",
        "bring it up to date, which deletes what this index has not",
        option="sync",
    )


def _write(
    index: SpladeIndex,
    store: EngineWriter,
    facts: StoreFacts,
    options: PushOptions,
    progress: Progress,
    *,
    is_new: bool,
) -> tuple[int, int]:
    """Writes what is not there, or is otherwise; gives how many rows were written, and how many were not."""
    written = 0
    unchanged = 0
    total = len(index)
    progress("rows", 0, total)
    size = options.batch_rows or store.limits.batch_rows
    for rows in rows_of(index, size, facts.next_position):
        sent = rows
        if not store.limits.empty:
            sent = rows.some(np.flatnonzero(np.diff(rows.vectors.indptr)).tolist())
        fresh = sent if is_new else _changed(sent, store)
        if len(fresh) and not options.dry_run:
            store.write(fresh)
        written += len(fresh)
        unchanged += len(sent) - len(fresh)
        progress("rows", rows.positions[-1] + 1 - facts.next_position, total)
    return written, unchanged


def _changed(rows: Rows, store: EngineWriter) -> Rows:
    """Those of `rows` that the store has not, or otherwise."""
    if not len(rows):
        return rows
    there = store.digests(rows.ids)
    pairs = zip(rows.ids, rows.digests, strict=True)
    return rows.some([number for number, (name, digest) in enumerate(pairs) if there.get(name) != digest])


def _delete(index: SpladeIndex, store: EngineWriter, options: PushOptions) -> int:
    """Deletes the rows that the index has not."""
    gone = 0
    ids = iter(store.ids())
    while names := list(islice(ids, IDS_AT_ONCE)):
        old = _gone(index, names)
        gone += len(old)
        if old and not options.dry_run:
            store.delete(old)
    return gone


def _gone(index: SpladeIndex, names: Sequence[str]) -> list[str]:
    return [name for name in names if not len(index.find(name, documents=False))]
