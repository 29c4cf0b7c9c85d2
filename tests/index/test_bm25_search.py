"""BM25 against Lucene's formula written out and against bm25s; segments, files, languages; edges."""

from __future__ import annotations

import math
import mmap
from itertools import pairwise
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pytest

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.bm25.analyzer import analysed, analysed_codes, stop_words
from splade_cli.index.bm25.frequencies import K1, B, TermFrequencies
from splade_cli.index.bm25.frequencies_file import open_frequencies, write_frequencies
from splade_cli.index.bm25.language import guess_language
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter

TEXTS = [
    "the backup runs every night and the backup is kept",
    "reset the password of the account",
    "the password and the backup",
    "",
    "reset the password of the account",
]
LANGUAGES = {
    "english": "The backups are kept for thirty days and then they will be deleted by the server.",
    "norwegian": "Sikkerhetskopiene blir tatt vare på i tretti dager, og så blir de slettet av serveren.",
    "german": "Die Sicherungen werden für dreißig Tage aufbewahrt und dann von dem Server gelöscht.",
    "french": "Les sauvegardes sont gardées trente jours, ensuite elles sont effacées par le serveur.",
}


def formula(query: list[str], documents: list[list[str]]) -> np.ndarray:
    """Lucene: idf = ln(1 + (N - n + 0.5) / (n + 0.5)), tf / (tf + k1 (1 - b + b length / mean))."""
    mean = sum(map(len, documents)) / len(documents)
    scores = np.zeros(len(documents))
    for word in query:
        holding = sum(word in document for document in documents)
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for number, document in enumerate(documents):
            frequency = document.count(word)
            scores[number] += idf * frequency / (frequency + K1 * (1 - B + B * len(document) / mean))
    return scores


@pytest.mark.parametrize("query", ["password backup", "reset", "account passwords", "backup backup night"])
def test_scores_against_the_formula(query: str) -> None:
    index = Bm25Search.over(TEXTS, "english")
    expected = formula(analysed([query], "english")[0], analysed(TEXTS, "english"))
    rows, scores = index.search([query], 10)
    found = {int(row): float(score) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0}
    assert found == pytest.approx({row: score for row, score in enumerate(expected) if score > 0}, rel=1e-5)
    assert list(rows[0][: len(found)]) == sorted(found, key=lambda row: (-found[row], row)), "ties by row"
    assert (rows[0][len(found) :] == -1).all()
    assert np.isneginf(scores[0][len(found) :]).all()


def test_edges() -> None:
    index = Bm25Search.over(TEXTS, "english")
    rows, scores = index.search(["the of and", "", "zebra", "password"], 2)
    assert (rows[:3] == -1).all()
    assert rows[3].tolist() == [2, 1]
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert index.search([], 3)[0].shape == (0, 3)
    with pytest.raises(InputError, match="k must be above 0"):
        index.search(["password"], 0)


@pytest.mark.parametrize("texts", [[""], ["the of and"], []])
def test_nothing_to_index(texts: list[str]) -> None:
    rows, _ = Bm25Search.over(texts, "english").search(["password"], 2)
    assert rows.tolist() == [[-1, -1]]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_languages_are_guessed(language: str) -> None:
    assert guess_language([LANGUAGES[language]] * 3 + ["12345"]) == language
    assert Bm25Search.over([LANGUAGES[language]]).language == language


def test_without_words_it_is_english() -> None:
    assert guess_language(["", "12 34", "+-"]) == guess_language([]) == "english"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("閥門要慢慢關。", "chinese"),
        ("毎月ポンプを点検してください。", "japanese"),
        ("비밀번호를 잊었습니다", "korean"),
        ("การสำรองข้อมูล", "thai"),
        ("the valve, in Chinese 閥門, is closed with the handle", "english"),
    ],
)
def test_scripts_tell_their_languages(text: str, language: str) -> None:
    assert guess_language([text]) == language


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("閥門要關", ["閥門", "門要", "要關"]),
        ("Docker容器 v2", ["docker", "容器", "v2"]),
        ("東 x", ["東"]),
        ("コピー・ペースト", ["コピ", "ピー", "ペー", "ース", "スト"]),
        ("ﾎﾟﾝﾌﾟ", ["ポン", "ンプ"]),
        ("비밀번호를", ["비밀", "밀번", "번호", "호를"]),
        ("กู้คืน", ["กู", "ู้", "้ค", "คื", "ืน"]),
    ],
)
def test_words_without_blanks_are_pairs_of_characters(text: str, terms: list[str]) -> None:
    assert analysed([text], "english") == [terms]


def test_a_word_within_a_sentence_without_blanks_is_found() -> None:
    texts = [
        "每月檢查一次，閥門要慢慢關。",
        "毎月ポンプを点検してください。",
        "비밀번호를 잊었습니다",
        "Bread and water.",
    ]
    index = Bm25Search.over(texts, "english")
    rows, scores = index.search(["閥門", "ポンプ", "비밀번호", "bread"], 1)
    assert rows[:, 0].tolist() == [0, 1, 2, 3]
    assert (scores > 0).all()


def test_stemming_follows_the_language() -> None:
    assert analysed(["passwords resetting"], "english") == [["password", "reset"]]
    rows, _ = Bm25Search.over(["sikkerhetskopiene slettes"] * 2, "norwegian").search(["sikkerhetskopi"], 1)
    assert rows.tolist() == [[0]]


def test_stop_words() -> None:
    assert {"the", "and"} <= stop_words("english") < stop_words("english", full=True)
    assert "ikke" in stop_words("norwegian")
    assert stop_words("klingon") == frozenset()


def made_up(count: int, seed: int = 0) -> list[str]:
    """Texts of words with a long tail, of very different lengths, one of them empty."""
    generator = np.random.default_rng(seed)
    words = [f"w{number}x" for number in range(400)]
    shares = 1 / np.arange(1, 401)
    lengths = generator.integers(0, 60, size=count)
    lengths[count // 2] = 0
    return [" ".join(generator.choice(words, size=length, p=shares / shares.sum())) for length in lengths]


MADE_UP = made_up(300)
ASKED = ["w0x w5x w17x w5x", "w399x", "w0x", "w3x unheard w4x", "", "unheard"]


def same(
    left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray], tolerance: float = 1e-5
) -> bool:
    """Equal scores, and equal rows wherever the scores stand apart."""
    finite = np.isfinite(left[1])
    assert (finite == np.isfinite(right[1])).all()
    np.testing.assert_allclose(left[1][finite], right[1][finite], rtol=tolerance, atol=1e-7)
    for rows, others, scores in zip(left[0], right[0], left[1], strict=True):
        with np.errstate(invalid="ignore"):
            apart = np.diff(scores, prepend=np.inf, append=-np.inf)
        alone = (np.abs(apart[:-1]) > 1e-4) & (np.abs(apart[1:]) > 1e-4)
        if not (rows[alone] == others[alone]).all():
            return False
    return True


def test_scores_against_bm25s() -> None:
    index = Bm25Search.over(MADE_UP, "english")
    oracle = bm25s.BM25(k1=K1, b=B, method="lucene")
    oracle.index(analysed(MADE_UP, "english"), show_progress=False)
    rows, scores = index.search(ASKED, 300)
    for place, words in enumerate(analysed(ASKED, "english")):
        expected = oracle.get_scores(words) if words else np.zeros(300)
        found = np.zeros(300)
        there = rows[place] >= 0
        found[rows[place][there]] = scores[place][there]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert there.sum() == (expected > 0).sum()


def parts_of(texts: list[str], cuts: list[int], mean: float | None) -> list[TermFrequencies]:
    ends = [0, *cuts, len(texts)]
    return [
        TermFrequencies.build(texts[start:stop], "english", mean_length=mean)
        for start, stop in pairwise(ends)
    ]


def test_segments_are_searched_as_one() -> None:
    whole = Bm25Search.over(MADE_UP, "english")
    several = Bm25Search(parts_of(MADE_UP, [10, 10, 200], whole.mean_length))
    expected, found = whole.search(ASKED, 20), several.search(ASKED, 20)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert several.mean_length == whole.mean_length
    assert (several.rows, several.language) == (300, "english")


def test_dead_rows_count_for_nothing() -> None:
    alive = np.random.default_rng(1).random(300) < 0.6
    living = np.flatnonzero(alive)
    mean = np.mean([len(words) for words in analysed([MADE_UP[row] for row in living], "english")])
    search = Bm25Search(parts_of(MADE_UP, [120], mean), [alive[:120], alive[120:]])
    assert search.rows == len(living)
    assert search.mean_length == pytest.approx(mean)
    rows, scores = search.search(ASKED, 40)
    rebuilt = Bm25Search.over([MADE_UP[row] for row in living], "english").search(ASKED, 40)
    assert same((rows, scores), (np.where(rebuilt[0] >= 0, living[rebuilt[0]], -1), rebuilt[1]))
    assert alive[rows[rows >= 0]].all()
    one = Bm25Search(parts_of(MADE_UP, [120], mean), [None, alive[120:]])
    assert one.weights(["w0x"]) != search.weights(["w0x"])


def test_an_old_mean_length_moves_scores_by_little() -> None:
    """What a segment costs that was built before longer texts came: at most b times the change of the
    mean."""
    texts = [*MADE_UP[:150], *(f"{text} {text}" for text in MADE_UP[150:])]
    search = Bm25Search(
        [TermFrequencies.build(texts[:150], "english"), TermFrequencies.build(texts[150:], "english")]
    )
    exact = Bm25Search([TermFrequencies.join(search.parts, [None, None])])
    means = [part.mean_length for part in search.parts]
    assert exact.parts[0].mean_length == pytest.approx(np.mean(means))
    change = max(abs(exact.mean_length / mean - 1) for mean in means)
    for query in ASKED[:4]:
        (rows,), (scores,) = search.search([query], 300)
        (others,), (values,) = exact.search([query], 300)
        exactly = dict(zip(others.tolist(), values.tolist(), strict=True))
        moved = [
            abs(score / exactly[row] - 1)
            for row, score in zip(rows.tolist(), scores, strict=True)
            if row >= 0
        ]
        assert 0.01 < max(moved) <= B * change


def test_joining_is_building_anew() -> None:
    alive = np.arange(300) % 3 > 0
    parts = parts_of(MADE_UP, [100, 250], 7.0)
    joined = TermFrequencies.join(parts, [None, alive[100:250], alive[250:]])
    kept = [text for row, text in enumerate(MADE_UP) if row < 100 or alive[row]]
    built = TermFrequencies.build(kept, "english")
    assert list(joined.terms) == list(built.terms), "terms that no row holds any more are gone"
    assert (joined.counts != built.counts).nnz == 0
    assert joined.mean_length == built.mean_length
    np.testing.assert_array_equal(joined.lengths, built.lengths)
    np.testing.assert_array_equal(joined.document_frequencies, built.document_frequencies)
    np.testing.assert_array_equal(joined.impacts().data, built.impacts().data)


def mapped(array: np.ndarray | None) -> bool:
    """Whether an array's memory is a file's."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, memoryview) and isinstance(array.obj, mmap.mmap)


@pytest.mark.parametrize("texts", [MADE_UP, [""], ["the of and"], [], ["æble æblet Ørnen", "æble"]])
def test_written_and_opened(texts: list[str], tmp_path: Path) -> None:
    built = TermFrequencies.build(texts, "english")
    opened = open_frequencies(Container(written(built, tmp_path / "bm25")))
    assert list(opened.terms) == list(built.terms)
    assert opened.terms[1:3] == list(built.terms)[1:3]
    assert (len(opened), opened.language, opened.mean_length) == (len(built), "english", built.mean_length)
    assert not opened.counts.nnz or mapped(opened.counts.data), "not read into memory"
    asked = [*ASKED, "æble", "the"]
    expected, found = Bm25Search([built]).search(asked, 5), Bm25Search([opened]).search(asked, 5)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(TermFrequencies.join([opened], [None]).impacts().data, built.impacts().data)


def written(frequencies: TermFrequencies, path: Path) -> Path:
    with ContainerWriter(path) as out:
        write_frequencies(out, frequencies)
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("terms.text", "terms of BM25 do not fit"),
        ("lengths", "sizes of the BM25 part"),
        ("document_frequencies", "sizes of the BM25 part"),
        ("counts.data", "pointers of vectors"),
        ("postings.rows", "do not fit"),
        ("", "what is said of the BM25 part"),
    ],
)
def test_damaged_parts(name: str, message: str, tmp_path: Path) -> None:
    whole = Container(written(TermFrequencies.build(MADE_UP, "english"), tmp_path / "whole"))
    with ContainerWriter(tmp_path / "damaged") as out:
        for each in whole.names:
            values = whole.tensor(each)
            out.add(each, values[:-1] if each == f"bm25.{name}" else values)
        if name:
            out.metadata.update(whole.metadata)
    with pytest.raises((ValueError, IndexFolderError), match=message):
        open_frequencies(Container(tmp_path / "damaged"))


def test_only_allowed_rows() -> None:
    index = Bm25Search.over(MADE_UP, "english")
    allowed = np.arange(300) % 7 == 3
    rows, scores = index.search(["w0x w1x"], 300, allowed=allowed)
    every, all_scores = index.search(["w0x w1x"], 300)
    kept = (every[0] >= 0) & allowed[every[0]]
    np.testing.assert_array_equal(rows[0][rows[0] >= 0], every[0][kept])
    np.testing.assert_array_equal(scores[0][rows[0] >= 0], all_scores[0][kept])
    half = Bm25Search(parts_of(MADE_UP, [100], index.mean_length), [None, np.arange(200) % 2 == 0])
    rows, _ = half.search(["w0x"], 300, allowed=allowed)
    assert set(rows[0][rows[0] >= 0]) <= {
        row for row in range(300) if allowed[row] and (row < 100 or row % 2 == 0)
    }


def test_pieces_of_a_query_count_by_their_weight() -> None:
    index = Bm25Search.over(TEXTS, "english")
    whole = dict(zip(*(values[0].tolist() for values in index.search(["password"], 3)), strict=True))
    rows, scores = index.search([[("backup", 1.0), ("passwords backup", 0.5)]], 5)
    alone = dict(zip(*(values[0].tolist() for values in index.search(["backup"], 5)), strict=True))
    expected = {row: alone.get(row, 0) + 0.5 * whole.get(row, 0) for row in (0, 1, 2, 4)}
    assert {
        row: score for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True) if row >= 0
    } == (pytest.approx(expected, rel=1e-5))


def test_explained_words_add_up() -> None:
    index = Bm25Search(parts_of(MADE_UP, [120], 20.0))
    (rows,), (scores,) = index.search([ASKED[0]], 10)
    assert any(row >= 120 for row in rows)
    for row, score in zip(rows, scores, strict=True):
        words = index.explain(ASKED[0], int(row))
        assert sum(query * document for _, query, document in words) == pytest.approx(score, rel=1e-5)
        assert words == sorted(words, key=lambda word: -word[1] * word[2])
        assert {word for word, *_ in words} <= set(analysed([MADE_UP[row]], "english")[0])


def test_two_languages_are_not_mixed() -> None:
    with pytest.raises(InputError, match="BM25 over rows in english and norwegian"):
        Bm25Search(
            [TermFrequencies.build(["a text"], "english"), TermFrequencies.build(["en tekst"], "norwegian")]
        )


def test_texts_may_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.index.bm25.frequencies.WINDOW", 7)
    windows = TermFrequencies.build(iter(MADE_UP), "english")
    assert (
        TermFrequencies.build(iter(["den er en tekst og den er kort"])).language
        == TermFrequencies.build(["den er en tekst og den er kort"]).language
    )
    monkeypatch.undo()
    whole = TermFrequencies.build(MADE_UP, "english")
    assert list(windows.terms) == list(whole.terms)
    assert (windows.counts != whole.counts).nnz == 0


@pytest.mark.parametrize("language", ["english", "norwegian", "russian"])
def test_queries_are_analysed_as_texts_are(language: str) -> None:
    texts = [
        *TEXTS,
        "",
        "The of",
        "Ünïcode's 東京都 passwords_reset re-set A1 ÆØÅ İstanbul",
        "Пароль паролей",
    ]
    codes, terms = analysed_codes(texts, language)
    assert analysed(texts, language) == [[terms[code] for code in row] for row in codes]


def test_a_word_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    search = Bm25Search.over(TEXTS)
    looked_up: list[str] = []
    original = Bm25Search._look_up

    def counted(self: Bm25Search, term: str) -> Any:
        looked_up.append(term)
        return original(self, term)

    monkeypatch.setattr(Bm25Search, "_look_up", counted)
    first = search.search([TEXTS[0], TEXTS[1]], 3)
    assert len(looked_up) == len(set(looked_up)) > 3
    looked_up.clear()
    again = search.search([TEXTS[0], TEXTS[1]], 3)
    assert not looked_up
    np.testing.assert_array_equal(first[1], again[1])
