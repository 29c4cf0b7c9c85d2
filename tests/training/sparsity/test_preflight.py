"""Heads that cannot be trained as they are: seen, put right, and then trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from splade_cli.errors import ModelError
from splade_cli.model.encode import encode
from splade_cli.model.splade.calibration import background_shift, largest_logits, shift_bias, uniform_shift
from splade_cli.model.splade.decoder import UNCAPPED, skip_decoder
from splade_cli.model.splade.encoder import SpladeModel
from splade_cli.training.sparsity.preflight import calibrate, diagnose, make_usable, preflight, uncap

Load = Callable[..., Any]
SUBJECTS = (
    "reset a password",
    "the table saw",
    "two-factor login",
    "a sharp blade",
    "backups at night",
    "the lathe",
    "a forgotten code",
    "every member",
    "a steady hand",
    "the next sign-in",
)
TEXTS = [
    f"{subject} needs {other}; {subject} asks for {third}."
    for subject in SUBJECTS
    for other in SUBJECTS[:4]
    for third in SUBJECTS[6:8]
    if subject != other
]


def as_masked_lm(folder: Path, offset: float, steps: int = 60) -> tuple[Any, Any]:
    """A model of `folder` taught to fill gaps in TEXTS, all logits then moved by `offset`."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder)
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        batch = tokenizer(TEXTS[step % 7 :: 7], padding=True, return_tensors="pt")
        ids, real = batch["input_ids"].clone(), batch["attention_mask"].bool()
        gaps = (torch.rand(ids.shape) < 0.2) & real
        batch["input_ids"][gaps] = tokenizer.mask_token_id
        loss = nn.functional.cross_entropy(model(**batch).logits[gaps], ids[gaps])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        model.get_output_embeddings().bias.add_(offset)
    return tokenizer, model.eval()


@pytest.fixture(scope="module")
def base(
    make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, float], Path]:
    """``base(family, offset)``: the folder of such a masked LM."""
    made: dict[tuple[str, float], Path] = {}

    def make(family: str, offset: float) -> Path:
        if (family, offset) not in made:
            folder = tmp_path_factory.mktemp(family)
            for part in as_masked_lm(make_folder(family), offset):
                part.save_pretrained(folder)
            made[family, offset] = folder
        return made[family, offset]

    return make


def trained(model: SpladeModel, tokenizer: Any, steps: int = 40) -> list[float]:
    """Losses of a short training that tells first halves of texts from one another, with a little FLOPS."""
    from splade_cli.training.sparsity.regularizers import Flops

    torch.manual_seed(0)
    optimizer, flops = torch.optim.AdamW(model.parameters(), lr=2e-3), Flops()
    found = []

    def vectors(texts: list[str]) -> Tensor:
        return model(**tokenizer(texts, padding=True, truncation=True, max_length=48, return_tensors="pt"))

    for step in range(steps):
        texts = [part[step % len(part)] for part in (TEXTS[n :: len(SUBJECTS)] for n in range(len(SUBJECTS)))]
        queries, documents = vectors([text.split(" needs")[0] for text in texts]), vectors(texts)
        contrast = nn.functional.cross_entropy(3 * queries @ documents.T, torch.arange(len(texts)))
        loss = contrast + 3e-3 * flops.compute_loss_from_embeddings(documents)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(contrast.detach()))
    return found


def mean(losses: list[float]) -> float:
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("family", "offset", "verdict"), [
    ("bert", -30.0, "all-zero"), ("bert", 30.0, "all-active"), ("roberta", 30.0, "all-active"),
    ("roberta", -30.0, "all-zero"), ("distilbert", 30.0, "all-active"), ("modernbert", 30.0, "all-active"),
])  # fmt: skip
def test_a_masked_lm_is_unusable_before_and_trains_after(
    family: str,
    offset: float,
    verdict: str,
    base: Callable[[str, float], Path],
    load: Load,
    stock: Load,
    tmp_path: Path,
) -> None:
    loaded = load(str(base(family, offset)))
    before = preflight(loaded, TEXTS)
    assert before.verdict == verdict
    assert not before.usable
    names = set(loaded.model.state_dict())
    steps = make_usable(loaded, TEXTS, 12)
    assert [step for step, _ in steps] == ["", "calibrated"]
    after = preflight(loaded, TEXTS)
    assert after.usable
    assert after.active == pytest.approx(12, abs=0.1)
    assert after.active == pytest.approx(steps[-1][1].active, abs=0.1)
    assert after.similarity < 0.9 < before.similarity or verdict == "all-zero"
    often = (largest_logits(loaded, TEXTS) > 0).float().mean(0)
    assert float(often.max()) <= 0.5
    losses = trained(loaded.model, loaded.tokenizer)
    assert mean(losses[-5:]) < 0.85 * mean(losses[:5])
    assert 2 < preflight(loaded, TEXTS).active < 85
    assert set(loaded.model.state_dict()) == names
    loaded.model.masked_lm.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    again = load(str(tmp_path))
    expected = stock(tmp_path).encode_document(TEXTS[:9], convert_to_sparse_tensor=False).numpy()
    torch.testing.assert_close(torch.tensor(encode(again, TEXTS[:9]).toarray()), torch.tensor(expected),
                               rtol=1e-4, atol=1e-5)  # fmt: skip
    assert (expected > 0).any()


def bounded(masked_lm: Any) -> Any:
    """Its class with NorBERT4's cap: all logits between 0 and 30, so that none is ever 0."""
    kind = type(masked_lm)

    class Bounded(kind):  # type: ignore[misc, valid-type]
        def forward(self, *given: Any, **named: Any) -> Any:
            output = super().forward(*given, **named)
            output.logits = 30 * torch.sigmoid(output.logits / 7.5)
            return output

    masked_lm.__class__ = Bounded
    return masked_lm


@pytest.fixture
def capped(base: Callable[[str, float], Path], load: Load) -> Any:
    """A loaded model with a bounded head."""
    from transformers import AutoModelForMaskedLM

    folder = base("bert", 3.0)
    loaded = load(str(folder))
    masked_lm = bounded(AutoModelForMaskedLM.from_pretrained(folder))
    return loaded._replace(model=SpladeModel(masked_lm, name="bounded", max_seq_length=48).eval())


def test_a_bounded_head_is_unusable_before_and_trains_after(
    capped: Any, base: Any, load: Load, tmp_path: Path
) -> None:
    raw = largest_logits(load(str(base("bert", 3.0))), TEXTS)
    assert not capped.model.fused
    squashed = largest_logits(capped, TEXTS)
    torch.testing.assert_close(squashed, 30 * torch.sigmoid(raw / 7.5), rtol=1e-4, atol=1e-4)
    before = preflight(capped, TEXTS)
    assert before.verdict == "bounded"
    assert before.least == before.most == before.dimensions
    steps = make_usable(capped, TEXTS, 12)
    assert [step for step, _ in steps][:2] == ["", "uncapped"]
    assert capped.model.fused
    calibrate(capped, TEXTS, 12)
    losses = trained(capped.model, capped.tokenizer)
    assert mean(losses[-5:]) < 0.85 * mean(losses[:5])
    assert 2 < preflight(capped, TEXTS).active < 85
    expected = encode(capped, TEXTS[:9])
    capped.model.masked_lm.save_pretrained(tmp_path)
    saved = bounded(type(capped.model.masked_lm).__bases__[0].from_pretrained(tmp_path))
    assert getattr(saved.config, UNCAPPED)
    again = SpladeModel(saved, name="saved", max_seq_length=48).eval()
    assert again.fused
    found = encode(capped._replace(model=again), TEXTS[:9])
    assert abs(found - expected).max() < 1e-5


def test_uncapping_gives_the_logits_before_the_cap(capped: Any, base: Any, load: Load) -> None:
    raw = largest_logits(load(str(base("bert", 3.0))), TEXTS)
    uncap(capped)
    torch.testing.assert_close(largest_logits(capped, TEXTS), raw, rtol=1e-4, atol=1e-4)


def test_sentence_transformers_pooling_follows_an_uncapped_head(base: Any, stock: Load, load: Load) -> None:
    folder = base("bert", 3.0)
    from splade_cli.model.splade.sparse_encoder import FusedSparseEncoder

    encoder = FusedSparseEncoder(str(folder), device="cpu")
    loaded = load(str(folder))
    expected = encode(loaded, TEXTS[:5]).toarray()
    model = SpladeModel(bounded(encoder[0].model), name="bounded", max_seq_length=48)
    encoder.insert_head(model.head)
    assert (encoder.encode_document(TEXTS[:5], convert_to_sparse_tensor=False).numpy() > 0).all()
    uncap(loaded._replace(model=model), encoder)
    found = encoder.encode_document(TEXTS[:5], convert_to_sparse_tensor=False).numpy()
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_what_is_no_monotone_cap_is_refused_and_left_alone(capped: Any) -> None:
    masked_lm = capped.model.masked_lm
    decoder = masked_lm.get_output_embeddings()
    before_kind = type(decoder)
    wild = torch.linspace(-1, 1, decoder.out_features)
    original = type(masked_lm).forward

    def forward(self: Any, *given: Any, **named: Any) -> Any:
        output = original(self, *given, **named)
        output.logits = output.logits * wild.abs() + 0.1
        return output

    masked_lm.__class__ = type("Scaled", (type(masked_lm),), {"forward": forward})
    ids = torch.tensor([[2, 9, 3]])
    before = masked_lm(input_ids=ids).logits
    assert skip_decoder(masked_lm, past_cap=True) is None
    assert type(decoder) is before_kind
    torch.testing.assert_close(masked_lm(input_ids=ids).logits, before)
    with pytest.raises(ModelError, match="cannot be had without what comes after its decoder"):
        uncap(capped)
    assert not hasattr(masked_lm.config, UNCAPPED)


@pytest.mark.parametrize(("pooling", "activation"), [("sum", "relu"), ("max", "log1p_relu")])
def test_other_poolings_and_activations(pooling: str, activation: str, base: Any, load: Load) -> None:
    loaded = load(str(base("bert", 30.0)))
    loaded.model.head.pooling, loaded.model.head.activation = pooling, activation
    assert preflight(loaded, TEXTS).verdict == "all-active"
    calibrate(loaded, TEXTS, 12)
    assert encode(loaded, TEXTS).nnz / len(TEXTS) == pytest.approx(12, abs=0.1)
    losses = trained(loaded.model, loaded.tokenizer)
    assert mean(losses[-5:]) < 0.85 * mean(losses[:5])


def test_all_terms_alike_keep_their_order(base: Any, load: Load) -> None:
    loaded = load(str(base("bert", -30.0)))
    before = largest_logits(loaded, TEXTS)
    shift_bias(loaded.splade, uniform_shift(before, 20))
    after = largest_logits(loaded, TEXTS)
    assert float((after - before).std()) < 1e-4
    assert int((after > 0).sum()) == round(20 * len(TEXTS))


def test_the_numbers_of_a_diagnosis() -> None:
    largest = torch.tensor([[1.0, 1.0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1], [1.0, 0, 1.0, *[-1.0] * 9]])
    found = diagnose(largest)
    assert (found.verdict, found.active, found.least, found.most) == ("ok", 2.0, 2, 2)
    assert found.similarity == pytest.approx(0.5)
    assert diagnose(torch.cat([largest[:1]] * 3)).verdict == "collapsed"
    assert diagnose(largest - 5).verdict == "all-zero"
    assert diagnose(largest + 5).verdict == "all-active"
    assert diagnose(largest + 5, capped=True).verdict == "bounded"


def test_shifts_by_hand() -> None:
    largest = torch.tensor([[5.0, 1.0], [5.0, 4.0], [9.0, 1.0], [5.0, 1.5]])
    shift = background_shift(largest, 0.5)
    assert (largest + shift > 0).tolist() == [[False, False], [False, True], [True, False], [False, False]]
    assert ((largest + uniform_shift(largest, 1)) > 0).sum() == 4 - 0
    with pytest.raises(ModelError, match="more than their usual logit, and 2 are wanted"):
        background_shift(largest, 2)


def test_a_decoder_without_bias_is_refused(base: Any, load: Load) -> None:
    loaded = load(str(base("bert", 30.0)))
    loaded.model.decoder.bias = None
    with pytest.raises(ModelError, match="has no bias"):
        calibrate(loaded, TEXTS, 12)
    with pytest.raises(ModelError, match="no text"):
        preflight(loaded, ["", " "])
