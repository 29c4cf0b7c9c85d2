"""Tiny masked language models with real tokenizers, made on the fly; where the shared material lies."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach for the hub
os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # as splade_cli.model sets it; some tests import torch first

# kept between runs, also for commands that a test gives a cache folder of their own
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".pytest_cache"))

import pytest
from hypothesis import HealthCheck, settings

# a shell that starts a command with & has it ignore Ctrl-C, and so the commands that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "splade", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("splade")

ROOT = Path(__file__).resolve().parents[1]
FAMILIES = ("bert", "roberta", "distilbert", "mpnet", "modernbert", "electra", "xlm-roberta")
TEXTS = (
    "Backups are kept for thirty days, then deleted every night.",
    "How do I reset a password that I have forgotten?",
    "reset",
    "The table saw needs a sharp blade; the lathe needs a steady hand. " * 6,
    "",
    "café naïve 日本 e-mail@host, UPPER lower: (brackets) 12.5%",
    "Two-factor login asks for a code at the next sign-in of every member.",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One model family in the fast suite, the others in the slow one."""
    if any("/index/engine/" in item.path.as_posix() for item in items):
        from splade_cli.index.engine.running.queries import load_loops

        load_loops()  # they are what is tested there, and the first queries of a process do without
    for item in items:
        family = getattr(item, "callspec", None) and item.callspec.params.get("family")  # type: ignore[attr-defined]
        if family not in (None, FAMILIES[0]):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Material that lies beside the repository; tests that need it are skipped where it is not there."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared material at {folder}")
    return folder


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Texts of very different lengths, an empty one and one longer than 32 tokens among them."""
    return list(TEXTS)


def _pair_merges(words: list[str], count: int) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent first, ties by name: the trainer of the library may differ each time."""
    parts = [list(word) for word in words]
    merges: list[tuple[str, str]] = []
    for _ in range(count):
        pairs = Counter(pair for part in parts for pair in pairwise(part))
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append((left, right))
        for part in parts:
            for place in range(len(part) - 2, -1, -1):
                if part[place : place + 2] == [left, right]:
                    part[place : place + 2] = [left + right]
    return merges


def _tokenizer(byte_pairs: bool, limit: int, token_types: bool, padding_side: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = (
        ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        if byte_pairs
        else ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
    )
    bos, pad, eos, unk, mask = names
    splitter: Any = pre_tokenizers.BertPreTokenizer()
    if byte_pairs:
        splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    normalizer = normalizers.BertNormalizer(lowercase=True)
    plain = TEXTS if byte_pairs else [normalizer.normalize_str(text) for text in TEXTS]
    words = [word for text in plain for word, _ in splitter.pre_tokenize_str(text)]
    if byte_pairs:
        merges = _pair_merges(words, 80)
        pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(left + right for left, right in merges)]
        vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys([*names, *pieces]))}
        made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=unk))
        made.decoder = decoders.ByteLevel()
    else:
        letters = sorted(set("".join(words)))
        pieces = [*letters, *(f"##{letter}" for letter in letters), *sorted({word[:6] for word in words})]
        vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys([*names, *pieces]))}
        made = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token=unk))
        made.normalizer = normalizer
        made.decoder = decoders.WordPiece()
    made.pre_tokenizer = splitter
    ends = [(bos, made.token_to_id(bos)), (eos, made.token_to_id(eos))]
    made.post_processor = processors.TemplateProcessing(single=f"{bos} $A {eos}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=limit,
        padding_side=padding_side,
        cls_token=bos,
        sep_token=eos,
        pad_token=pad,
        unk_token=unk,
        mask_token=mask,
        model_input_names=["input_ids", *(["token_type_ids"] if token_types else []), "attention_mask"],
    )


def _config(family: str, tokenizer: Any) -> Any:
    import transformers as t

    pad, width, positions = tokenizer.pad_token_id, 32, 64
    size = {"vocab_size": len(tokenizer), "pad_token_id": pad, "hidden_size": width, "num_hidden_layers": 2}
    size |= {"num_attention_heads": 2, "intermediate_size": 48, "initializer_range": 0.4}
    if family == "bert":
        return t.BertConfig(**size, max_position_embeddings=positions)
    if family == "roberta":
        return t.RobertaConfig(**size, max_position_embeddings=positions + 2, type_vocab_size=1)
    if family == "xlm-roberta":
        return t.XLMRobertaConfig(**size, max_position_embeddings=positions + 2, type_vocab_size=1)
    if family == "mpnet":
        return t.MPNetConfig(**size, max_position_embeddings=positions + 2)
    if family == "electra":
        return t.ElectraConfig(**size, embedding_size=16, max_position_embeddings=positions)
    if family == "modernbert":
        ends = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
        ends |= {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
        return t.ModernBertConfig(
            **size, **ends, max_position_embeddings=positions, local_attention=16, attn_implementation="eager"
        )
    assert family == "distilbert"
    return t.DistilBertConfig(
        vocab_size=len(tokenizer), pad_token_id=pad, dim=width, n_layers=2, n_heads=2, hidden_dim=48,
        max_position_embeddings=positions, initializer_range=0.4,
    )  # fmt: skip


def make_model(
    folder: Path, family: str, *, limit: int = 64, padding_side: str = "right", seed: int = 0
) -> Path:
    """Saves a random model of `family` with a tokenizer made of the test texts; biases are random as well."""
    import torch
    from transformers import AutoModelForMaskedLM

    byte_pairs = family in ("roberta", "xlm-roberta", "modernbert")
    tokenizer = _tokenizer(byte_pairs, limit, family in ("bert", "electra"), padding_side)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForMaskedLM.from_config(_config(family, tokenizer))
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_folder(family, **options)`` of `make_model`; the same call gives the same folder."""
    made: dict[str, Path] = {}

    def make(family: str, **options: Any) -> Path:
        key = f"{family}{sorted(options.items())}"
        if key not in made:
            made[key] = make_model(tmp_path_factory.mktemp(family), family, **options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def bert_folder(make_folder: Callable[..., Path]) -> Path:
    """A random BERT, the model of tests that need some model."""
    return make_folder("bert")


@pytest.fixture(scope="session")
def load() -> Callable[..., Any]:
    """`load_splade_model` on the CPU in float32, whatever this machine has."""
    from splade_cli.model.load import load_splade_model

    return partial(load_splade_model, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def embedder() -> Any:
    """The embedded default model on the CPU."""
    from splade_cli.model.embedder import SpladeEmbedder

    return SpladeEmbedder("tiny", device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def stock() -> Callable[..., Any]:
    """``stock(folder)``: an untouched sentence-transformers SparseEncoder on the CPU."""
    import torch
    from sentence_transformers import SparseEncoder

    return lambda folder, **options: SparseEncoder(
        str(folder), device="cpu", model_kwargs={"dtype": torch.float32}, **options
    )
