"""The checks of real servers, on strict stubs of those that do not start here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.web.vespa.bodies import legal
from splade_cli.errors import InputError
from splade_cli.index.metadata.filter_parser import parse_filter
from tests.engines import test_real_servers as real

test_no_shared_term = real.test_a_text_that_shares_no_term_is_no_result
test_sync = real.test_a_sync_follows_what_was_added_changed_and_deleted
test_two_at_once = real.test_a_second_push_meanwhile_is_refused
test_interrupted = real.test_an_interrupted_push_goes_on_where_it_was
test_another_model = real.test_an_index_of_another_model_is_refused_and_force_begins_anew
test_threads = real.test_many_threads_search_at_once

PARTS = {
    "lang = n*": "no part of a text",
    "lang ~ STRASSE": "no part of a text",
    "lang ~ o": "no part of a text",
    "author.name ~ neil": "no part of a text",
    "notes ~ '% _'": "no part of a text",
    "notes = 100*": "no part of a text",
}
ORDERS = {
    "year > '2021'": "no texts such as",
    "year < '2021-06'": "no texts such as",
    "id > m": "no texts such as",
}
NEGATIONS = {
    text: "turns no condition round"
    for text in (
        "lang != en",
        "lang not in (en, no)",
        "not (tags exists)",
        "tags not in (b)",
        "folder = guide and not (year > 2020)",
    )
}
REFUSED = {"qdrant": ORDERS, "vespa": PARTS | ORDERS, "pinecone": PARTS | ORDERS | NEGATIONS}
BY_SIZE = {"year < 10", "year >= 2020", "folder = guide and not (year > 2020)"}
"""Where texts that spell no number are not put in order."""
DIFFERENT = {
    "qdrant": BY_SIZE,
    "vespa": BY_SIZE | {"lang in (en, no)", "lang not in (en, no)"},  # case is ignored
    "pinecone": BY_SIZE,
}


def test_what_is_pushed(
    make_index: Any, queries: Any, open_new: Any, shown: str, engine_name: str, monkeypatch: Any
) -> None:
    if engine_name == "vespa":
        # which holds no control characters in texts: what is read again has blanks in their place
        fetch = LocalEngine.fetch

        def legal_fetch(engine: LocalEngine, ids: Any) -> Any:
            return [replace(chunk, text=legal(chunk.text)) for chunk in fetch(engine, ids)]

        monkeypatch.setattr(LocalEngine, "fetch", legal_fetch)
    real.test_what_is_pushed_is_found_and_read_again(make_index, queries, open_new, shown)


def test_filters(make_index: Any, queries: Any, open_new: Any, shown: str, engine_name: str) -> None:
    index = make_index()
    remote = real.pushed(index, open_new, shown)
    exact = LocalEngine(index)
    for text in real.FILTERS:
        filter = parse_filter(text)
        message = REFUSED.get(engine_name, {}).get(text)
        if message is not None:
            with pytest.raises(InputError, match=message):
                remote.search(queries[:1], 5, filter)
            continue
        if text in DIFFERENT.get(engine_name, set()):
            continue
        if engine_name != "pinecone":
            assert remote.count(filter) == exact.count(filter), text
        wanted = exact.search(queries[:6], 5, filter)
        found = remote.search(queries[:6], 5, filter)
        assert [len(ids) for ids in found.ids] == [len(ids) for ids in wanted.ids], text
        for scores, others in zip(found.scores, wanted.scores, strict=True):
            np.testing.assert_allclose(scores, others, rtol=1e-5, err_msg=text)


def test_conditions_that_qdrant_has_not() -> None:
    from splade_cli.engines.remote.conditions import condition_of
    from splade_cli.engines.web.qdrant.filters import qdrant_filter

    for text in ("lang = ?o", "path = a*b", "path = *.md", "lang < m"):
        with pytest.raises(InputError, match="filter: Qdrant"):
            qdrant_filter(condition_of(parse_filter(text)))
    day = qdrant_filter(condition_of(parse_filter("date >= 2024-01-31")))
    assert {"key": 'texts."date"', "range": {"gte": "2024-01-31T00:00:00Z"}} in day["should"][0]["should"]
