"""PyTerrier: an index as a transformer of queries to results, for pipelines and `pt.Experiment`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

try:
    import pandas
    import pyterrier
except ImportError as error:
    raise ImportError('PyTerrier is missing: pip install "splade-cli[pyterrier]"') from error

COLUMNS = ("qid", "query", "docno", "score", "rank", "text")


class SpladeRetriever(pyterrier.Transformer):
    """The `num_results` best documents of each query; `rank` starts at 0. Java is not started."""

    def __init__(
        self, searcher: Searcher, num_results: int = 1000, options: SearchOptions | None = None
    ) -> None:
        self.searcher = searcher
        self.num_results = num_results
        self.options = options

    @classmethod
    def open(cls, index: str | Path, num_results: int = 1000, **settings: Any) -> Self:
        """Of an index folder; `settings` are those of `Searcher.open`."""
        return cls(Searcher.open(index, **settings), num_results)

    def transform(self, inp: pandas.DataFrame) -> pandas.DataFrame:
        """Rows of `COLUMNS` for rows of qid and query; an empty query finds nothing."""
        pyterrier.validate.query_frame(inp, extra_columns=["query"])
        rows = []
        asked = [row for row in inp.itertuples() if row.query.strip()]
        found = self.searcher.search([row.query for row in asked], self.num_results, self.options)
        for query, hits in zip(asked, found, strict=True):
            for hit in hits:
                rows.append((query.qid, query.query, hit.document_id, hit.score, hit.rank - 1, hit.text))
        return pandas.DataFrame(rows, columns=list(COLUMNS))
