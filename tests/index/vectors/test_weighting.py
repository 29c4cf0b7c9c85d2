"""IDF weights against the formula, and what they do to a ranking."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.idf import inverse_document_frequency
from splade_cli.index.vectors.weighting import reweighted


def test_queries_are_weighed_term_by_term() -> None:
    generator = np.random.default_rng(0)
    documents = sp.random(60, 30, 0.3, format="csr", random_state=generator, dtype=np.float32)
    queries = sp.random(5, 30, 0.3, format="csr", random_state=generator, dtype=np.float32)
    weights = inverse_document_frequency(np.bincount(documents.indices, minlength=30), 60).astype(np.float32)
    before = queries.copy()
    for alpha in (0.0, 0.5, 1.0):
        found = reweighted(queries, weights, alpha)
        np.testing.assert_allclose(found.toarray(), queries.toarray() * weights**alpha, rtol=1e-6)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            (found @ documents.T).toarray(),
            (queries @ reweighted(documents, weights, alpha).T).toarray(),
            rtol=1e-5,
        )
    assert (before != queries).nnz == 0, "the caller's vectors stay"
    assert (reweighted(queries, weights, 0.0) != queries).nnz == 0


def test_a_rare_term_wins() -> None:
    documents = sp.csr_matrix(np.array([[1.0, 0], [1, 0], [1, 0], [0, 0.9]], dtype=np.float32))
    query = sp.csr_matrix(np.array([[1.0, 1.0]], dtype=np.float32))
    weights = inverse_document_frequency(np.array([3, 1]), 4).astype(np.float32)
    assert (query @ documents.T).toarray().argmax() == 0
    assert (reweighted(query, weights) @ documents.T).toarray().argmax() == 3


def test_what_does_not_fit() -> None:
    vectors = sp.csr_matrix((2, 3), dtype=np.float32)
    with pytest.raises(InputError, match="vectors of 3 terms, IDF of 4"):
        reweighted(vectors, np.ones(4, dtype=np.float32))
    for alpha in (-1.0, math.nan):
        with pytest.raises(InputError, match="exponent of the IDF"):
            reweighted(vectors, np.ones(3, dtype=np.float32), alpha)
    assert reweighted(vectors, np.ones(3, dtype=np.float32)).shape == (2, 3)
