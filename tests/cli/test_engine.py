"""`splade push INDEX --to URL` and `--engine URL` on a real PostgreSQL: what is printed, found and refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.engines.servers import postgres_url as postgres_url

pytestmark = pytest.mark.slow
psycopg = pytest.importorskip("psycopg")
Splade = Callable[..., Result]
QUERIES = """\
{"_id": "q1", "text": "fires clay"}
{"_id": "q2", "text": "cut threads"}
"""


@pytest.fixture
def url(postgres_url: str, request: pytest.FixtureRequest) -> str:
    name = f"cli{abs(hash(request.node.name)) % 10**9}"
    return f"{postgres_url}&table={name}"


def ids(result: Result) -> list[tuple[str, float]]:
    assert result.exit_code == 0, result.output
    return [(hit["id"], round(hit["score"], 3)) for hit in json.loads(result.stdout)["hits"]]


def test_an_engine_answers_as_the_index_does(splade: Splade, built: Path, url: str, tmp_path: Path) -> None:
    index = built / "index"
    planned = splade("push", index, "--to", url, "--dry-run", "--json")
    assert json.loads(planned.stdout)["written"] == json.loads(planned.stdout)["rows"] == 5
    result = splade("push", index, "--to", url, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["recall@10"], facts["written"], facts["unchanged"]) == (1.0, facts["rows"], 0)
    assert "next: splade search QUERY --engine 'postgresql://" in result.stderr
    for words in ((), ("--filter", "extension = md")):
        wanted = splade("search", "clean the rim", "--index", index, "--mode", "sparse", "--json", *words)
        for where in (("--index", index), ("--model", "tiny"), ()):
            found = splade("search", "clean the rim", "--engine", url, *where, "--json", *words)
            assert ids(found) == ids(wanted)
    hits = json.loads(found.stdout)["hits"]
    assert hits[0]["terms"]
    assert hits[0]["snippet"]
    again = splade("push", index, "--to", url)
    assert again.exit_code == 1
    assert "hint: bring it up to date, which deletes what this index has not (--sync)" in again.stderr
    asked = splade("query", "--engine", url, "--query", "wool scarf")
    assert json.loads(asked.stdout)["hits"][0]["document_id"] == "loom.txt"


def test_a_store_follows_an_index_from_generation_to_generation(
    splade: Splade, built: Path, url: str, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    shutil.copytree(built / "index", index)
    assert splade("push", index, "--to", url).exit_code == 0
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "forge.md").write_text(
        "# Forge\n\nThe anvil rings in the forge.\n", encoding="utf-8"
    )
    (tmp_path / "docs" / "kiln.md").write_text("# Kiln\n\nThe kiln is broken.\n", encoding="utf-8")
    for words in (("add", tmp_path / "docs"), ("remove", "bike.md")):
        changed = splade("index", *words, "--index", index)
        assert changed.exit_code == 0, changed.output
    result = splade("push", index, "--to", url, "--sync", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["generation"] > 1
    assert (facts["deleted"], facts["recall@10"]) == (1, 1.0)
    assert facts["written"] + facts["unchanged"] == facts["rows"]
    for query in ("anvil", "broken kiln", "brakes squeal"):
        wanted = splade("search", query, "--index", index, "--mode", "sparse", "--json")
        assert ids(splade("search", query, "--engine", url, "--json")) == ids(wanted)


def test_an_engine_is_measured_as_an_index_is(splade: Splade, built: Path, url: str, tmp_path: Path) -> None:
    index = built / "index"
    assert splade("push", index, "--to", url).exit_code == 0
    data = tmp_path / "data"
    (data / "qrels").mkdir(parents=True)
    shutil.copytree(built / "docs", data / "documents")
    (data / "queries.jsonl").write_text(QUERIES, encoding="utf-8")
    (data / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\tkiln.md\t1\nq2\tlathe.md\t1\n", encoding="utf-8"
    )
    values = []
    for words in (("--engine", url), ()):
        result = splade(
            "evaluate", "-d", data, "--index", index, "--mode", "sparse", "--no-bm25", *words, "--json"
        )
        assert result.exit_code == 0, result.output
        values.append(json.loads(result.stdout)["systems"][0]["measures"])
    for name, value in values[0].items():
        assert value == pytest.approx(values[1][name]), name


def test_what_an_engine_cannot_do_is_said(splade: Splade, built: Path, url: str, tmp_path: Path) -> None:
    index = built / "index"
    nothing = splade("search", "x", "--engine", url, "--index", index)
    assert nothing.exit_code == 1
    assert "error: nothing at postgresql://postgres@/postgres?host=" in nothing.stderr
    assert splade("push", index, "--to", url).exit_code == 0
    words = splade("search", "x", "--engine", url, "--index", index, "--mode", "bm25")
    assert "cannot be searched by bm25" in words.stderr
    idf = splade("search", "x", "--engine", url, "--index", index, "--idf", "0.5")
    assert "this engine does not know its document frequencies" in idf.stderr
    field = splade("search", "x", "--engine", url, "--index", index, "--filter", "extensio = md")
    assert "hint: did you mean 'extension'?" in field.stderr
    neither = splade("search", "x")
    assert neither.exit_code == 2
    assert "error: no index is named" in neither.stderr
    both = splade("push", index, "--to", url, "--repo-id", "a/b")
    assert "an index goes to an engine, a model to the hub" in both.stderr


def test_recall_below_the_least_is_exit_code_3(splade: Splade, built: Path, url: str, tmp_path: Path) -> None:
    index = built / "index"
    assert splade("push", index, "--to", url).exit_code == 0
    table = url.rpartition("=")[2]
    with psycopg.connect(url.partition("&table")[0], autocommit=True) as connection:
        connection.execute(f"update {table} set v = '{{1:1}}/30522'")
    queries = tmp_path / "queries.txt"
    queries.write_text("kiln clay\nwool scarf\n", encoding="utf-8")
    result = splade("push", index, "--to", url, "--sync", "--queries", queries, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["recall@10"] == 0
    assert json.loads(result.stdout)["sample_queries"] == 2
    assert "not all of the first 10 were found: kiln clay" in result.stderr
    assert "is below --min-recall 0.99" in result.stderr
    whole = splade("push", index, "--to", url, "--force", "--queries", queries)
    assert whole.exit_code == 0, whole.output


def test_a_wrong_password_is_refused_and_no_password_is_shown(
    splade: Splade, built: Path, postgres_url: str
) -> None:
    folder = Path(postgres_url.partition("host=")[2])
    settings = folder / "pg_hba.conf"
    before = settings.read_text(encoding="utf-8")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create role guarded login superuser password 'opensesame'")
        settings.write_text(f"local all guarded scram-sha-256\n{before}", encoding="utf-8")
        connection.execute("select pg_reload_conf()")
    time.sleep(0.5)  # the server reads its file when it comes to it
    url = postgres_url.replace("postgres:@", "guarded:WRONGWORD@") + "&table=guarded"
    refused = splade("push", built / "index", "--to", url)
    assert refused.exit_code == 1
    assert 'password authentication failed for user "guarded"' in refused.stderr
    assert "WRONGWORD" not in refused.output
    given = url.replace(":WRONGWORD", "")
    environment = {"SPLADE_ENGINE_PASSWORD": "opensesame"}
    result = splade("push", built / "index", "--to", given, env=environment)
    assert result.exit_code == 0, result.output
    assert "opensesame" not in result.output
    assert splade("search", "wool", "--engine", url.replace("WRONGWORD", "opensesame")).exit_code == 0


def test_a_killed_push_goes_on_where_it_was(splade: Splade, built: Path, url: str, root: Path) -> None:
    """Killed between two batches, of which the first is there; each batch is one row here."""
    script = (
        "import os, signal, sys\n"
        "from splade_cli.engines.postgres.store import PostgresStore\n"
        "write = PostgresStore.write\n"
        "def write_one(self, rows):\n"
        "    write(self, rows.some([0]))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "PostgresStore.write = write_one\n"
        "from splade_cli.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script, "push", str(built / "index"), "--to", url]
    killed = subprocess.run(command, cwd=root, capture_output=True, timeout=120, env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    early = splade("search", "clay", "--engine", url, "--index", built / "index")
    assert early.exit_code == 1
    assert "holds a part of an index: its push was interrupted" in early.stderr
    result = splade("push", built / "index", "--to", url, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["unchanged"], facts["written"]) == (1, facts["rows"] - 1)
    assert "an interrupted push went on where it was" in result.stderr
