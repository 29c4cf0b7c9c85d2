"""The page for users of earlier trainers: its commands run as they stand, one after the other, on small data."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.end_to_end.test_earlier_projects import ROWS

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
YAML = """
model:
  base_model: ltg/norbert3-xs
  architecture: splade
training:
  output_dir: models/splade-norbert3-multidataset
  max_steps: 2
  per_device_train_batch_size: 2
  learning_rate: 2e-5
  max_seq_length: 64
  bf16: false
  load_best_model_at_end: false
loss:
  type: splade_loss
  inner_loss: sparse_multiple_negatives_ranking_loss
  query_regularizer_weight: 5e-4
  document_regularizer_weight: 3e-3
datasets:
  sampling_strategy: round_robin
  rows:
    source: training_data.json
"""


def commands(page: str) -> list[list[str]]:
    """What is typed in the blocks of a page, in order, by its words."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def project(bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the commands name; hub ids are folders."""
    monkeypatch.chdir(tmp_path)
    for name in ("ltg/norbert3-xs", "microsoft/MiniLM-L12-H384-uncased"):
        (tmp_path / name).mkdir(parents=True)
        for path in bert_folder.iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    for name in ("training_data.json", "validation_data.json"):
        (tmp_path / name).write_text(json.dumps(ROWS), encoding="utf-8")
    (tmp_path / "documents.json").write_text(json.dumps([row["positive_document"] for row in ROWS]))
    (tmp_path / "docs").mkdir()
    for number in range(8):
        text = (
            f"Backups of machine {number} are kept for {number} days, then deleted every night by the clerk."
        )
        (tmp_path / "docs" / f"{number}.md").write_text(f"# Machine {number}\n\n{text}")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "training_config_splade_regular.yaml").write_text(YAML)
    page = PAGE.read_text(encoding="utf-8")
    (laspar,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "laspar.yaml").write_text(laspar)
    return tmp_path


def test_the_commands_of_the_page_run(project: Path) -> None:
    typed = commands(PAGE.read_text(encoding="utf-8"))
    assert len(typed) >= 12
    for words in typed:
        done = run(*words[1:], *more_of(words))
        assert done.exit_code == 0, f"{shlex.join(words)}: {done.stderr[-1500:]}"
    assert (project / "models/splade-norbert3-multidataset/final/model.safetensors").is_file()
    assert (project / "data" / "train.json").is_file()
    assert (project / "laspar" / "final").is_dir()


def more_of(words: list[str]) -> list[str]:
    """What makes a training run of a page a matter of seconds."""
    if words[1] == "train" and "--dry-run" not in words:
        return ["--max-steps", "2", "--batch-size", "2"]
    if words[1] == "gen-data":
        return ["--teacher", "none"]
    return []


def run(*words: str) -> Result:
    """A command in this process: libraries are loaded once for all of the page."""
    from splade_cli.cli.main import app

    return CliRunner().invoke(app, list(words))
