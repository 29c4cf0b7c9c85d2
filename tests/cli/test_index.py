"""`splade index` and its commands on real documents: what they print, what they leave, what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.pruning import Pruning, keep_mass, keep_top


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Path:
    """A copy of the index of `built`."""
    shutil.copytree(built / "index", tmp_path / "index")
    return tmp_path / "index"


def found(splade, folder: Path, query: str) -> list[str]:
    result = splade("search", query, "--index", folder, "--json", "-k", "3")
    assert result.exit_code == 0, result.output
    return [hit["document_id"] for hit in json.loads(result.stdout)["hits"]]


def facts(result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_help_shows_building_and_names_the_others(splade):
    result = splade("index", "--help", env={"COLUMNS": "200"})
    assert result.exit_code == 0
    flags = (
        "--output",
        "--no-bm25",
        "--dense",
        "--prune-terms",
        "--prune-mass",
        "--impacts",
    )
    for word in (*flags, "add", "remove", "merge", "verify"):
        assert word in result.stdout
    for command in ("add", "sync", "remove", "merge", "verify"):
        result = splade("index", command, "--help")
        assert result.exit_code == 0
        assert "--index" in result.stdout


def test_the_language_is_said_and_a_model_of_another_one(splade, tmp_path):
    text = "Ovnen brenner leiren ved tusen grader, og døren må ikke åpnes før den er kald. " * 3
    (tmp_path / "ovn.md").write_text(text, encoding="utf-8")
    result = splade("index", tmp_path / "ovn.md", "-o", tmp_path / "guessed", env={"COLUMNS": "300"})
    assert result.exit_code == 0
    assert "(guessed, likely: function words " in result.stdout
    note = " ".join(result.stderr.split())
    assert "the model's vocabulary is not that of these documents (2." in note
    assert "--model opensearch-project/opensearch-neural-sparse-encoding-multilingual-v1" in note
    assert "splade train --preset inference-free-scandinavian" in note
    given = splade("index", tmp_path / "ovn.md", "-o", tmp_path / "given", "--language", "nb", "--json")
    assert (facts(given)["language"], facts(given)["language_certainty"]) == ("norwegian", "given")
    refused = splade("index", tmp_path / "ovn.md", "-o", tmp_path / "other", "--language", "norwegan")
    assert refused.exit_code == 2
    assert "did you mean 'norwegian'? (--language)" in refused.stderr
    assert not (tmp_path / "other").exists()
    (tmp_path / "kiln.md").write_text("The kiln is closed, and the fire is out of it.", encoding="utf-8")
    assert splade("index", "add", tmp_path / "kiln.md", "--index", tmp_path / "given").exit_code == 0
    index = SpladeIndex.open(tmp_path / "given")
    assert [segment.bm25.language for segment in index.segments] == ["norwegian"] * len(index.segments)
    assert index.documents == 2


def test_formats_of_one_text_are_told(splade, tmp_path):
    for name in ("a", "b", "c", "d"):
        text = f"The kiln {name} fires clay at a thousand degrees.\n"
        for ending in ("md", "txt"):
            (tmp_path / "docs" / f"{name}.{ending}").parent.mkdir(exist_ok=True)
            (tmp_path / "docs" / f"{name}.{ending}").write_text(text)
    words = ("gen-data", tmp_path / "docs", "-o", tmp_path / "out", "--dry-run", "--json")
    result = splade(*words, env={"COLUMNS": "200"})
    assert (facts(result)["documents"], facts(result)["skipped"]) == (4, 4)
    told = "folded: 4 files have the text of another in another format, such as a.txt that of a.md "
    assert told in " ".join(result.stderr.split())
    assert "--keep-duplicates reads each format" in " ".join(result.stderr.split())
    assert splade(*words, "--list-skipped").stderr.count("folded ") == 4
    kept = splade(*words, "--keep-duplicates")
    assert facts(kept)["documents"] == 8
    assert "folded" not in kept.stderr


def test_build_is_the_command_without_a_name(splade, docs, tmp_path):
    for words in (
        (docs, "-o", tmp_path / "one"),
        ("build", "-o", tmp_path / "two", docs),
        ("-o", tmp_path / "3", docs),
    ):
        result = splade("index", *words, "--json")
        assert facts(result)["documents"] == 5
        assert facts(result)["holds"] == "postings, BM25"
        assert f"next: splade query --index {words[words.index('-o') + 1]}" in result.stderr
    shutil.move(docs, tmp_path / "add")
    result = splade("index", f"{tmp_path}/add", "-o", tmp_path / "four", "--no-bm25", "--json")
    assert facts(result)["holds"] == "postings"
    assert SpladeIndex.open(tmp_path / "four").segments[0].bm25 is None
    assert splade("index").exit_code == 2


def test_add_replace_remove_merge(splade, index, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "laser.md").write_text("# Laser\n\nWear goggles at the laser.\n")
    (more / "kiln.md").write_text("# Kiln\n\nThe kiln fires porcelain at 1,260 degrees.\n")
    said = facts(splade("index", "add", more, "--index", index, "--json"))
    assert (said["new_documents"], said["replaced"], said["unchanged"], said["chunks_written"]) == (
        1,
        1,
        0,
        2,
    )
    assert (said["documents"], said["chunks"], said["segments"]) == (6, 6, 2)
    assert found(splade, index, "laser goggles")[0] == "laser.md"
    assert found(splade, index, "firing porcelain")[0] == "kiln.md"
    assert "letterpress" not in found(splade, index, "firing clay")
    said = facts(splade("index", "add", more, "-i", index, "--json"))
    assert (said["new_documents"], said["replaced"], said["unchanged"], said["chunks_written"]) == (
        0,
        0,
        2,
        0,
    )
    result = splade("index", "remove", "laser.md", "bike.md", "--index", index)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:2] == ["chunks removed   2", "segments merged  2 to 1"], (
        "half of it was deleted"
    )
    assert f"next: splade query --index {index}" in result.stderr
    assert not {"laser.md", "bike.md"} & {
        *found(splade, index, "laser goggles"),
        *found(splade, index, "brakes squeal"),
    }
    said = facts(splade("index", "merge", "--index", index, "--json"))
    assert (said["documents"], said["chunks"], said["segments"]) == (4, 4, 1)
    assert "nothing was removed" in splade("index", "merge", "--index", index).stdout
    assert facts(splade("index", "verify", index, "--json"))["chunks"] == 4


def test_what_is_refused(splade, index, docs, tmp_path):
    result = splade("index", "remove", "kiln.m", "--index", index)
    assert result.exit_code == 1
    assert "error: no document 'kiln.m'" in result.stderr and "did you mean 'kiln.md'?" in result.stderr
    none = tmp_path / "none"
    commands = ("add", docs, "-i", none), ("remove", "x", "-i", none), ("merge", "-i", none), ("verify", none)
    for words in commands:
        result = splade("index", *words)
        assert result.exit_code == 1
        assert (
            "error: no index at" in result.stderr and "hint: make one: splade index DOCS -o" in result.stderr
        )
    for word, meant in (("verfy", "verify"), ("mrge", "merge")):
        result = splade("index", word, index)
        assert result.exit_code == 2
        assert (
            f"command of splade index: {word}" in result.stderr
            and f"did you mean '{meant}'?" in result.stderr
        )
    (docs / "new.txt").write_text("something new")
    result = splade("index", "add", docs, "--index", index, "--model", docs)
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert splade("index", "add", docs).exit_code == 2
    for words in (("verify",), ("verify", index, "--index", docs)):
        refused = splade("index", *words)
        assert refused.exit_code == 2
        assert "no index is named" in refused.stderr or f"two indexes: {index} and {docs}" in refused.stderr


@pytest.mark.parametrize("version", [1, 3])
def test_an_older_index_is_refused_with_what_to_type(splade, docs, tmp_path, version):
    old = tmp_path / "old"
    old.mkdir()
    manifest = {"format": "splade-index", "version": version, "rows": 3, "files": {}}
    (old / "manifest.json").write_text(json.dumps(manifest))
    for words in (
        ("search", "clay", "--index", old),
        ("index", "add", docs, "--index", old),
        ("index", "verify", old),
    ):
        result = splade(*words)
        assert result.exit_code == 1
        assert f"has format version {version}, this splade reads 4" in result.stderr
        assert f"hint: make it again: splade index DOCS -o {old} --force" in " ".join(result.stderr.split())
    assert splade("index", docs, "-o", old, "--force").exit_code == 0
    assert found(splade, old, "firing clay")[0] == "kiln.md"


def test_verify_names_what_is_damaged(splade, index):
    for words in (("verify", index), ("verify", "--index", index)):
        result = splade("index", *words)
        assert result.exit_code == 0, result.output
        assert "match" in result.stdout
    path = index / "segments" / "000001.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (index / "segments" / "000001.jsonl").unlink()
    result = splade("index", "verify", index)
    assert result.exit_code == 1
    assert "segments/000001.safetensors does not match its checksum" in result.stderr
    assert "segments/000001.jsonl is missing" in result.stderr
    assert "hint: make it again: splade index" in result.stderr


def test_a_smaller_index_stays_so_and_answers_alike(splade, docs, index, tmp_path):
    flags = ("--prune-terms", "20", "--prune-mass", "0.9", "--impacts", "8")
    said = facts(splade("index", docs, "-o", tmp_path / "small", *flags, "--json"))
    assert float(said["active_terms_a_chunk"]) <= 20
    small = SpladeIndex.open(tmp_path / "small", verify=True)
    assert small.info.pruning == Pruning(20, 0.9) and small.info.impacts.bits == 8
    full = SpladeIndex.open(index)
    ids = list(small.ids)
    expected = keep_mass(keep_top(full.vectors[[int(full.find(each)[0]) for each in ids]], 20), 0.9)
    assert abs(small.vectors - expected).max() <= small.info.impacts.step / 2
    assert found(splade, tmp_path / "small", "firing clay")[0] == "kiln.md"
    words = " ".join(path.read_text() for path in sorted(docs.iterdir()))
    (docs / "laser.md").write_text(f"# Laser\n\nWear goggles at the laser. {words}")
    facts(splade("index", "add", docs, "--index", tmp_path / "small", "--json"))
    grown = SpladeIndex.open(tmp_path / "small")
    assert len(grown.segments) == 2 and grown.segments[1].stored.indptr[-1] > 0
    facts(splade("index", "remove", "bike.md", "--index", tmp_path / "small", "--json"))
    facts(splade("index", "merge", "--index", tmp_path / "small", "--json"))
    merged = SpladeIndex.open(tmp_path / "small", verify=True)
    assert merged.info == small.info
    assert max(merged.vectors.indptr[1:] - merged.vectors.indptr[:-1]) <= 20
    assert merged.segments[0].stored.dtype == "uint8"
    living = grown.vectors[[row for row, name in enumerate(grown.document_ids) if name != "bike.md"]]
    assert (merged.vectors != living).nnz == 0, "a merge prunes no second time"
    assert found(splade, tmp_path / "small", "laser goggles")[0] == "laser.md"
    for wrong, message in (
        (("--impacts", "4"), "impacts must be of 8 or 16 bits, got 4"),
        (("--prune-terms", "0"), "prune_terms must be above 0"),
        (("--prune-mass", "1.5"), "at most 1, got 1.5"),
    ):
        result = splade("index", docs, "-o", tmp_path / "no", *wrong)
        assert result.exit_code == 2 and message in result.stderr and not (tmp_path / "no").exists()


def test_sync_follows_a_folder(splade, index, docs):
    (docs / "new.md").write_text("# News\n\nSomething that was not there.")
    gone = sorted(docs.glob("*.md"))[0]
    gone.unlink()
    facts = splade("index", "sync", docs, "--index", index, "--json", "--exclude", "nothing*")
    assert facts.exit_code == 0, facts.output
    told = json.loads(facts.stdout)
    assert (told["new_documents"], told["gone"]) == (1, 1)
    refused = splade("index", "sync", docs, "--index", index, "--include", "new.md")
    assert refused.exit_code == 1
    assert "are not there any more" in refused.stderr
    assert "--force" in refused.stderr
