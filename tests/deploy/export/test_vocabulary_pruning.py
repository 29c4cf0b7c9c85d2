"""Vocabulary pruning against the model that was pruned, family by family, here and in the stock encoder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from splade_cli.deploy.export.vocabulary import Vocabulary
from splade_cli.deploy.export.vocabulary_pruning import Pruned, prune_vocabulary, tokens_to_keep
from splade_cli.errors import InputError, ModelError, SpladeError
from splade_cli.model.encode import encode

Make = Callable[..., Any]
FAMILIES = ("bert", "roberta", "distilbert", "mpnet", "modernbert", "electra")
REMOVED = "reset"
"""A word of the test texts that is left out of the texts to keep."""


def kept_of(texts: list[str]) -> list[str]:
    return [text for text in texts if REMOVED not in text]


def pruned_for(folder: Path, output: Path, loaded: Any, texts: list[str]) -> Pruned:
    rows = loaded.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return prune_vocabulary(folder, output, {number for row in rows for number in row})


def stock_vectors(encoder: Any, texts: list[str]) -> np.ndarray:
    return (
        encoder.encode_document(texts, convert_to_sparse_tensor=False, show_progress_bar=False)
        .float()
        .numpy()
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_kept_texts_have_the_weights_that_they_had(
    family: str, make_folder: Make, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    folder = make_folder(family)
    base, kept = load(str(folder)), kept_of(texts)
    pruned = pruned_for(folder, tmp_path / "small", base, kept)
    assert pruned.before == base.model.dimensions > pruned.after == len(pruned.ids)
    assert list(pruned.ids) == sorted(pruned.ids)
    small = load(str(tmp_path / "small"))
    assert small.model.fused
    assert small.model.dimensions == len(small.tokenizer) == pruned.after
    ours = encode(small, kept).toarray()
    np.testing.assert_allclose(ours, encode(base, kept).toarray()[:, list(pruned.ids)], rtol=1e-5, atol=1e-5)
    assert ours.any()
    np.testing.assert_allclose(
        stock_vectors(stock(tmp_path / "small"), texts), encode(small, texts).toarray(), atol=1e-5
    )


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_removed_word_is_read_as_pieces(
    family: str, make_folder: Make, load: Make, texts: list[str], tmp_path: Path
) -> None:
    folder = make_folder(family)
    base = load(str(folder))
    pruned_for(folder, tmp_path / "small", base, ["blade"])
    small = load(str(tmp_path / "small"))
    before, after = (
        base.tokenizer.tokenize("forgotten password"),
        small.tokenizer.tokenize("forgotten password"),
    )
    assert len(after) > len(before)
    assert "".join(after).replace("##", "") == "".join(before).replace("##", "")
    for text in texts:
        assert (small.tokenizer.unk_token in small.tokenizer.tokenize(text)) == (
            base.tokenizer.unk_token in base.tokenizer.tokenize(text)
        ), text
    assert encode(small, texts).nnz > 0


def test_numbers_in_the_files_are_those_of_the_new_tokens(
    bert_folder: Path, load: Make, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(bert_folder, tmp_path / "source"))
    (source / "vocab.txt").write_text("stale")
    (source / "training.json").write_text('{"steps": 7}')
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(
        json.dumps({**config, "mask_token_id": 4, "eos_token_id": None, "note": "mine"})
    )
    pruned = prune_vocabulary(source, tmp_path / "small", [])
    small = load(str(tmp_path / "small"))
    written = json.loads((tmp_path / "small/config.json").read_text())
    assert written["vocab_size"] == pruned.after
    assert written["mask_token_id"] == small.tokenizer.mask_token_id
    assert written["pad_token_id"] == small.tokenizer.pad_token_id
    assert (written["eos_token_id"], written["note"]) == (None, "mine")
    assert small.tokenizer("a")["input_ids"][0] == small.tokenizer.cls_token_id
    assert json.loads((tmp_path / "small/training.json").read_text()) == {"steps": 7}
    assert not (tmp_path / "small/vocab.txt").exists()
    assert f"{pruned.after:,} of the {pruned.before:,}" in (tmp_path / "small/README.md").read_text()


def test_special_tokens_in_the_middle_move(
    make_folder: Make, load: Make, texts: list[str], tmp_path: Path
) -> None:
    """The embedded model's special tokens are 0 and 100 to 103, with unused ones before them."""
    base = load("tiny")
    pruned = pruned_for(Path("tiny"), tmp_path / "small", base, kept_of(texts))
    small = load(str(tmp_path / "small"))
    assert pruned.after < 2500
    assert [small.tokenizer.pad_token_id, small.tokenizer.cls_token_id, small.tokenizer.mask_token_id] == [
        0,
        2,
        4,
    ]
    assert (tmp_path / "small/model.safetensors").stat().st_size < 2 * 900_000, (
        "16 bits, as the source has them"
    )
    ours, theirs = encode(small, kept_of(texts)).toarray(), encode(base, kept_of(texts)).toarray()
    np.testing.assert_allclose(ours, theirs[:, list(pruned.ids)], rtol=1e-5, atol=1e-5)


def test_a_sentence_transformers_folder_stays_one(
    bert_folder: Path, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    encoder = stock(bert_folder)
    encoder.prompts = {"query": "how ", "document": "the "}
    encoder.encode_document(["sets the pooling's dimension"])
    encoder.save_pretrained(str(tmp_path / "source"))
    base = load(str(tmp_path / "source"))
    keep = tokens_to_keep(base, ["a sharp blade"])
    assert set(base.tokenizer("how the", add_special_tokens=False)["input_ids"]) <= set(keep), (
        "the prompts' tokens"
    )
    pruned = prune_vocabulary(tmp_path / "source", tmp_path / "small", keep)
    again = stock(tmp_path / "small")
    assert [type(part).__name__ for part in again] == ["Transformer", "SpladePooling"]
    assert again.get_embedding_dimension() == pruned.after
    np.testing.assert_allclose(
        stock_vectors(again, texts), encode(load(str(tmp_path / "small")), texts).toarray(), atol=1e-5
    )


def test_weights_that_are_not_tied_stay_so(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path
) -> None:
    from transformers import AutoModelForMaskedLM

    source = Path(shutil.copytree(bert_folder, tmp_path / "source"))
    model = AutoModelForMaskedLM.from_pretrained(source)
    model.config.tie_word_embeddings = False
    decoder = model.get_output_embeddings()
    decoder.weight = type(decoder.weight)(decoder.weight.detach() * 0.7)
    model.save_pretrained(source)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    base = load(str(source))
    pruned = pruned_for(source, tmp_path / "small", base, kept_of(texts))
    ours = encode(load(str(tmp_path / "small")), kept_of(texts)).toarray()
    theirs = encode(base, kept_of(texts)).toarray()[:, list(pruned.ids)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_unigram_vocabularies(bert_folder: Path, load: Make, texts: list[str], tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast, XLMRobertaConfig

    letters = sorted({letter for text in texts for letter in text if letter != " "})
    words = sorted({f"▁{word}" for text in texts for word in text.split()})
    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", *letters, *words]
    scores = [-1.0 if name.startswith("▁") else -8.0 for name in names]
    made = Tokenizer(models.Unigram(list(zip(names, scores, strict=True)), unk_id=3))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, cls_token="<s>", pad_token="<pad>", sep_token="</s>", unk_token="<unk>",
        mask_token="<mask>", model_max_length=64, model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    config = XLMRobertaConfig(**size, vocab_size=len(tokenizer), max_position_embeddings=66, pad_token_id=1)
    AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path / "source")
    tokenizer.save_pretrained(tmp_path / "source")
    base = load(str(tmp_path / "source"))
    pruned = pruned_for(tmp_path / "source", tmp_path / "small", base, kept_of(texts))
    small = load(str(tmp_path / "small"))
    assert pruned.after < pruned.before
    assert small.tokenizer.mask_token_id == pruned.after - 1
    assert len(small.tokenizer.tokenize(REMOVED)) > len(base.tokenizer.tokenize(REMOVED)) == 1
    ours, theirs = encode(small, kept_of(texts)).toarray(), encode(base, kept_of(texts)).toarray()
    np.testing.assert_allclose(ours, theirs[:, list(pruned.ids)], rtol=1e-5, atol=1e-5)


def test_choosing_tokens(load: Make) -> None:
    loaded = load("tiny")
    texts = ["the kiln fires clay", "brakes squeal when the rim is dirty " + "and so on " * 300 + "heddles"]
    every = tokens_to_keep(loaded, texts)
    said = set(loaded.tokenizer(texts, add_special_tokens=False)["input_ids"][1])
    said |= set(loaded.tokenizer(texts[0], add_special_tokens=False)["input_ids"])
    assert set(every[: len(said)]) == said, (
        "what stands in the texts comes first, beyond the length limit too"
    )
    assert set(every) == said | set(encode(loaded, texts).indices.tolist())
    half = tokens_to_keep(loaded, texts, share=0.5)
    assert set(half) >= said
    assert half == every[: len(half)] != every
    assert tokens_to_keep(loaded, texts, share=1.0) == every
    assert every[: len(said)] == tokens_to_keep(loaded, texts, share=1e-9)


def test_size_counts_everything_that_is_kept(
    make_folder: Make, load: Make, texts: list[str], tmp_path: Path
) -> None:
    folder = make_folder("roberta")
    loaded = load(str(folder))
    least = len(Vocabulary.of(loaded.tokenizer, "roberta").basic)
    keep = tokens_to_keep(loaded, texts, size=least + 20)
    assert keep == tokens_to_keep(loaded, texts)[: len(keep)]
    pruned = prune_vocabulary(folder, tmp_path / "small", keep)
    assert least < pruned.after <= least + 20


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"size": 30}, "a vocabulary of 30 is too small", "more than"),
        ({"share": 0.0}, "share of weight", "0.99"),
        ({"texts": []}, "no text", "corpus"),
    ],
)
def test_choices_that_cannot_be_met(
    options: dict[str, Any], message: str, hint: str, bert_folder: Path, load: Make
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        tokens_to_keep(load(str(bert_folder)), **{"texts": ["a"], **options})
    assert hint in caught.value.hint


def test_what_cannot_be_pruned(bert_folder: Path, tmp_path: Path) -> None:
    def refused(source: str | Path, message: str, keep: list[int], output: str = "out") -> SpladeError:
        with pytest.raises(SpladeError, match=message) as caught:
            prune_vocabulary(source, tmp_path / output, keep)
        return caught.value

    assert "hf download nobody/none" in refused("nobody/none", "not on this disk", []).hint
    refused("./none", "no model folder", [])
    refused(bert_folder, "token 99999 is none of the", [99999])
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").write_text("x")
    refused(bert_folder, "exists already", [], "taken")
    dense = Path(shutil.copytree(bert_folder, tmp_path / "dense"))
    (dense / "modules.json").write_text(
        '[{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1"}]'
    )
    refused(dense, r"is made of Transformer \+ Pooling", [], "out2")
    wide = Path(shutil.copytree(bert_folder, tmp_path / "wide"))
    spec = json.loads((wide / "tokenizer.json").read_text())
    spec["added_tokens"].append(
        {**spec["added_tokens"][0], "id": max(spec["model"]["vocab"].values()) + 1, "content": "[X]"}
    )
    (wide / "tokenizer.json").write_text(json.dumps(spec))
    refused(wide, "has a token of the number 126, its weights have 126 rows", [], "out3")
    with pytest.raises(ModelError, match="is of kind WordLevel"):
        Vocabulary({"model": {"type": "WordLevel", "vocab": {}}, "added_tokens": []})
    with pytest.raises(ModelError, match=r"SimpleNamespace, which has no tokenizer\.json"):
        Vocabulary.of(SimpleNamespace(), "slow")


def test_a_result_that_is_not_as_promised_is_refused(
    bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from splade_cli.deploy.export import vocabulary_pruning as pruning

    whole = pruning._smaller

    def other(masked_lm: Any, new: dict[int, int]) -> Any:
        small = whole(masked_lm, new)
        small.get_input_embeddings().weight.data.mul_(2)
        return small

    monkeypatch.setattr(pruning, "_smaller", other)
    with pytest.raises(ModelError, match="the result has other vectors"):
        prune_vocabulary(bert_folder, tmp_path / "small", [])


def test_merges_bring_their_parts() -> None:
    spec = {
        "model": {
            "type": "BPE",
            "vocab": {"<s>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "bc": 5, "abc": 6, "aa": 7},
            "merges": ["a b", ["b", "c"], ["ab", "c"], "a bc", "a a"],
        },
        "added_tokens": [{"id": 0, "content": "<s>"}],
        "padding": {"pad_id": 0},
        "post_processor": {
            "type": "Sequence",
            "processors": [{"type": "BertProcessing", "sep": ["c", 3], "cls": ["<s>", 0]}],
        },
    }
    vocabulary = Vocabulary(spec)
    assert vocabulary.basic == {0, 1, 2, 3}
    assert vocabulary.with_parts([6]) == {1, 2, 3, 4, 5, 6}
    new = {old: number for number, old in enumerate([0, 1, 3, 7])}
    reduced = vocabulary.reduced(new)
    assert reduced["model"]["merges"] == ["a a"]
    assert reduced["model"]["vocab"] == {"<s>": 0, "a": 1, "c": 2, "aa": 3}
    assert reduced["post_processor"]["processors"][0]["sep"] == ["c", 2]
    assert spec["model"]["vocab"]["aa"] == 7, "the given one is not touched"
