"""Code of the earlier projects' documents: every Python block runs with nothing but its import lines changed.

The names in the blocks are those of hub models and of runs; here they are folders, which the same code opens.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

RUN = "models/splade-norbert3-multidataset"
DENSE = "thivy/norbert4-base-scandinavian-embedding"
MASKED_LANGUAGE_MODEL = "prithivida/Splade_PP_en_v1"
OLD_IMPORTS = re.compile(r"^from (?:train_splade|embedder|test_queries) import ", re.MULTILINE)
ROWS = [
    {"query": "how long are backups kept", "positive_document": "Backups are kept for thirty days.",
     "negative_documents": ["The table saw needs a sharp blade."]},
    {"query": "forgotten password", "positive_document": "Reset a password that you have forgotten.",
     "negative_documents": ["Two-factor login asks for a code.", "The lathe needs a steady hand."]},
    {"query": "login code", "positive_document": "Two-factor login asks for a code at the next sign-in.",
     "negative_documents": ["Backups are deleted every night."]},
]  # fmt: skip


@pytest.fixture
def blocks(shared_data: Path) -> list[str]:
    """The Python blocks of the documents, in their order."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((shared_data / "seeds").glob("*.txt"))]
    return [block for text in texts for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)]


@pytest.fixture
def project(bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the models and files that the blocks name."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    from splade_cli import SpladeTrainer

    monkeypatch.chdir(tmp_path)
    base = tmp_path / MASKED_LANGUAGE_MODEL
    base.mkdir(parents=True)
    for path in bert_folder.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    body = Transformer(str(base))
    SentenceTransformer(modules=[body, Pooling(32)], device="cpu").save(str(tmp_path / DENSE))
    for name in ("training_data.json", "validation_data.json"):
        (tmp_path / name).write_text(json.dumps(ROWS), encoding="utf-8")
    SpladeTrainer(str(base), RUN, "training_data.json", epochs=1, settings={"hardware.device": "cpu"}).train()
    return tmp_path


def test_every_block_runs_with_its_imports_changed(
    blocks: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(blocks) == 5
    changed = 0
    said = []
    names: dict[str, Any] = {}
    for block in blocks:
        code, count = OLD_IMPORTS.subn("from splade_cli import ", block)
        changed += count
        names = {}
        exec(compile(code, "a block of the earlier projects", "exec"), names)
        said.append(capsys.readouterr().out)
    assert changed == 3
    basic, _, _, _, searching = said
    assert basic.startswith("torch.Size([2, ")
    assert (project / "fine_tuned_splade" / "final" / "model.safetensors").is_file()
    assert re.findall(r"^Rank (\d) \(Score: \d+\.\d{4}\):$", searching, re.MULTILINE) == ["1", "2", "3"]
    assert [result["rank"] for result in names["results"]] == [1, 2, 3]


def test_a_sparse_encoder_is_gone_on_from(bert_folder: Path, tmp_path: Path) -> None:
    """`load_pretrained_sparse_encoder: true` takes the model of this package, and no masked language model."""
    from splade_cli import ModelError, SpladeTrainer

    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    settings = {
        "model.load_pretrained_sparse_encoder": True,
        "training.max_steps": 1,
        "hardware.device": "cpu",
    }
    SpladeTrainer("tiny", tmp_path / "run", rows, settings=settings).train()
    assert (tmp_path / "run" / "final" / "modules.json").is_file()
    with pytest.raises(ModelError, match="is no sparse encoder"):
        SpladeTrainer(str(bert_folder), tmp_path / "other", rows, settings=settings).train()
    assert not (tmp_path / "other").exists()
