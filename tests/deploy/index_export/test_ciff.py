"""CIFF, read by protobuf's own library from the published description of its messages, and by ciff-toolkit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export import ciff

FIELDS = {
    "Header": ["version int32", "num_postings_lists int32", "num_docs int32", "total_postings_lists int32",
               "total_docs int32", "total_terms_in_collection int64", "average_doclength double",
               "description string"],
    "Posting": ["docid int32", "tf int32"],
    "PostingsList": ["term string", "df int64", "cf int64", "postings Posting"],
    "DocRecord": ["docid int32", "collection_docid string", "doclength int32"],
}  # fmt: skip


@pytest.fixture(scope="module")
def messages() -> Any:
    pytest.importorskip("google.protobuf")
    from google.protobuf import (  # type: ignore[import-untyped]
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    file = descriptor_pb2.FileDescriptorProto(name="ciff_of_the_test.proto", package="ciff_of_the_test")
    file.syntax = "proto3"
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for number, line in enumerate(fields, 1):
            field_name, kind = line.split()
            field = message.field.add(name=field_name, number=number)
            field.label = field.LABEL_REPEATED if kind == "Posting" else field.LABEL_OPTIONAL
            if kind == "Posting":
                field.type = field.TYPE_MESSAGE
                field.type_name = ".ciff_of_the_test.Posting"
            else:
                field.type = getattr(field, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ciff_of_the_test.{name}"))
        for name in FIELDS
    }


def read(path: Any, messages: Any) -> Any:
    """Header, postings lists and records of a file."""
    content = path.read_bytes()
    place = 0

    def next_of(name: Any) -> Any:
        nonlocal place
        size = shift = 0
        while True:
            byte = content[place]
            place += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        message = messages[name]()
        assert message.ParseFromString(content[place : place + size]) == size
        place += size
        return message

    header = next_of("Header")
    lists = [next_of("PostingsList") for _ in range(header.num_postings_lists)]
    records = [next_of("DocRecord") for _ in range(header.num_docs)]
    assert place == len(content), "nothing follows the last record"
    return header, lists, records


def matrix_of(lists: Any, records: Any, names: Any) -> Any:
    rows, columns, weights = [], [], []
    for each in lists:
        number = 0
        for posting in each.postings:
            number += posting.docid
            rows.append(number)
            columns.append(names[each.term])
            weights.append(posting.tf)
    shape = (len(records), 400)
    return sp.csr_matrix(
        (
            np.array(weights, dtype=np.int64),
            (np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)),
        ),
        shape=shape,
    )


@pytest.mark.parametrize("names", ["ids", "tokens"])
@pytest.mark.parametrize("at_once", [1 << 25, 100])
def test_protobuf_reads_it(
    export: Any, messages: Any, monkeypatch: pytest.MonkeyPatch, names: str, at_once: int
) -> None:
    monkeypatch.setattr(ciff, "POSTINGS_AT_ONCE", at_once)
    done = export("ciff", names=names)
    header, lists, records = read(done.folder / "index.ciff", messages)
    called = {str(number): number for number in range(400)}
    if names == "tokens":
        called = {token: number for number, token in enumerate(done.index.vocabulary)}
    terms = [each.term for each in lists]
    assert terms == sorted(terms, key=str.encode) and len(set(terms)) == len(terms)
    assert [record.collection_docid for record in records] == list(done.index.ids)
    assert [record.docid for record in records] == list(range(60))
    matrix = matrix_of(lists, records, called)
    exact = np.maximum(1, np.rint(done.index.vectors.data.astype(np.float64) * 100))
    assert np.array_equal(matrix.indptr, done.index.vectors.indptr)
    assert np.array_equal(matrix.indices, done.index.vectors.indices)
    assert np.array_equal(matrix.data, exact)
    for each in lists:
        assert each.df == len(each.postings) and each.cf == sum(posting.tf for posting in each.postings)
    lengths = [record.doclength for record in records]
    assert lengths == np.asarray(matrix.sum(axis=1)).ravel().tolist()
    assert header.total_terms_in_collection == sum(lengths)
    assert header.average_doclength == pytest.approx(sum(lengths) / 60)
    assert header.total_docs == 60 and header.total_postings_lists == len(lists)


def test_ciff_toolkit_reads_it(export: Any) -> None:
    reader = pytest.importorskip("ciff_toolkit.read")
    done = export("ciff")
    with reader.CiffReader(done.folder / "index.ciff") as file:
        lists = list(file.read_postings_lists())
        records = list(file.read_documents())
    matrix = matrix_of(lists, records, {str(number): number for number in range(400)})
    assert matrix.nnz == done.index.vectors.nnz
    assert [record.collection_docid for record in records] == list(done.index.ids)


def test_scores_of_the_lists_are_those_of_the_index(export: Any, messages: Any, asked: sp.csr_matrix) -> None:
    done = export("ciff", scale=1000)
    _, lists, records = read(done.folder / "index.ciff", messages)
    matrix = matrix_of(lists, records, {str(number): number for number in range(400)})
    exact = np.asarray((done.index.vectors @ asked.T).todense())
    found = np.asarray((matrix.astype(np.float64) @ asked.T.astype(np.float64)).todense()) / 1000
    assert np.abs(found - exact).max() < 0.02


def test_numbers_of_many_bytes(messages: Any) -> None:
    """Gaps and weights of one to five bytes, side by side."""
    texts = np.array([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_456, 2_147_483_647])
    weights = np.array([1, 127, 128, 300, 16_384, 2_097_152, 5, 268_435_455, 268_435_456, 2_147_483_647])
    message = messages["PostingsList"]()
    message.ParseFromString(ciff.postings_list("wörd", texts, weights))
    assert message.term == "wörd"
    assert np.cumsum([posting.docid for posting in message.postings]).tolist() == texts.tolist()
    assert [posting.tf for posting in message.postings] == weights.tolist()


def test_an_empty_index(export: Any, messages: Any) -> None:
    from splade_cli.index.index import SpladeIndex

    index = SpladeIndex.from_vectors(sp.csr_matrix(np.zeros((0, 400), dtype=np.float32)), ids=[], texts=[])
    done = export("ciff", index=index)
    header, lists, records = read(done.folder / "index.ciff", messages)
    assert (header.num_docs, lists, records) == (0, [], [])
