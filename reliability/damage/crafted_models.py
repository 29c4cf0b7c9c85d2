"""Model folders of a stranger: sizes that no weights have, paths that lead outside, shapes that do not fit.

What must be: vectors all the same, or an error that names the file or the key, and a hint. Never a traceback,
a crash, a hang, or memory that is taken before the sizes are looked at.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reliability.damage.forged_values import VALUES
from reliability.damage.model_folders import ARCHITECTURES, TEXTS, model_folder
from reliability.forked import ANSWERED, REFUSED, Ending, tried
from reliability.outcome import Outcome, Tries
from splade_cli.storage.checksums import CHECKSUMS

COUNT = 40
LARGE = 10**12
SIZES: dict[str, dict[str, tuple[Any, ...]]] = {
    "config.json": {
        "vocab_size": (LARGE, -1, 0, "x", 30_521, 1.5),
        "hidden_size": (10**9, 0, 127, 1 << 16),
        "num_hidden_layers": (10**6, -1, "2"),
        "max_position_embeddings": (10**9, 0, -1, "x", 10_000_000),
        "intermediate_size": (LARGE, 1 << 19),
        "num_attention_heads": (10**9, 0, 3),
        "type_vocab_size": (LARGE, 60_000),
        "pad_token_id": (LARGE, -5),
        "num_labels": (10**9,),
        "model_type": ("x", None, "../..", 5),
        "hidden_act": ("x", 5),
        "layer_norm_eps": ("x",),
        "hidden_dim": (LARGE, -1),
        "input_dim": (10**9,),
        "k": (LARGE, -1, 0, "x"),
        "k_aux": (LARGE,),
        "dimensions": (10**15, -1, "x"),
        "width": (10**9,),
        "positions": (LARGE, 0),
        "rank": (10**9, -1),
        "query_k": (LARGE, -1),
        "document_k": (LARGE, "x"),
        "variant": ("x",),
        "precision": ("x", "float64"),
        "pooling_strategy": ("x", 5, None),
        "activation_function": ("x",),
        "embedding_dimension": (LARGE,),
        "path": ("../../outside/x.json", "/etc/passwd", 5),
    },
    "tokenizer_config.json": {"model_max_length": (10**30, 0, -1, "x"), "tokenizer_class": ("x", 5)},
    "tokenizer.json": {
        "padding": ({"strategy": {"Fixed": LARGE}, "direction": "Right", "pad_id": 0, "pad_type_id": 0},),
        "truncation": ({"max_length": 10**18, "strategy": "LongestFirst", "stride": 10**18},),
        "model": ({}, None),
        "added_tokens": ([{"id": LARGE}], 5),
    },
    "sentence_bert_config.json": {"max_seq_length": (10**18, -5, 0, "x"), "transformer_task": ("x", 5)},
    "config_sentence_transformers.json": {
        "max_active_dims": (10**18, -1, 0, "x"),
        "prompts": (5, {"query": 5}, ["x"]),
        "similarity_fn_name": ("x",),
    },
    "modules.json": {
        "type": ("x.y.Z", "os.system", "", None, 5, "sentence_transformers.nope.Nope"),
        "path": ("../..", "/etc", "../outside", None, 5, "nope"),
    },
    "router_config.json": {
        "types": ({}, {"../../x": "x.Y"}, 5),
        "structure": ({"query": ["../../x"]}, {}, 5, {"document": ["x"]}),
    },
}
"""What stands in a file, and values of it that cannot be, or could but for the weights."""


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Forges folders of each architecture, each value of SIZES once and then others by chance."""
    import torch

    torch.set_num_threads(1)  # a fork lacks the threads of its parent
    copy = folder / "copy"
    for name in ARCHITECTURES:
        outcome = Outcome(f"a forged model folder, {name}")
        if not tries.has(outcome.what):
            continue
        made = model_folder(folder / name, name)
        (made / CHECKSUMS).unlink()
        for number, (what, forge) in enumerate(_forgeries(made, tries)):
            shutil.copytree(made, copy)
            forge(copy)
            _count(tried(lambda: _used(copy)), what, f"--seed {tries.seed}, {number}: {what}", outcome)
            shutil.rmtree(copy)
        yield outcome


def _count(ending: Ending, what: str, note: str, outcome: Outcome) -> None:
    key = what.split()[1]
    names = (
        key,
        what.rpartition(" = ")[2] or "module class",
        key.replace("_", " "),
        ".json",
        ".safetensors",
        "weights",
        "tokenizer",
        "modules",
        "is made of",
        "k ",
    )
    if ending.kind == ANSWERED:
        outcome.right("answered")
    elif ending.kind != REFUSED:
        outcome.failed(ending.kind, f"{note}: {ending.text[-900:]}")
    elif "not enough memory" in ending.text or not any(name in ending.text for name in names):
        outcome.failed("not named", f"{note}: {ending.text[:400]}")
    else:
        outcome.right("refused with a hint")


def _used(folder: Path) -> str:
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.options import ModelOptions

    vectors = SpladeEmbedder(str(folder), ModelOptions(device="cpu", precision="fp32")).encode(TEXTS)
    return str(vectors.nnz)


def _forgeries(made: Path, tries: Tries) -> list[tuple[str, Callable[[Path], None]]]:
    """As many ways to forge the folder as are asked for, in an order of chance."""
    dice = random.Random(f"{tries.seed} {made.name}")
    every: list[tuple[str, Callable[[Path], None]]] = []
    for path in sorted(made.rglob("*.json")):
        where = path.relative_to(made).as_posix()
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content if isinstance(content, list) else [content]
        for row in range(len(rows)):
            for key, values in SIZES.get(path.name, {}).items():
                if key in rows[row] or key == "num_labels":
                    every += [_value(where, row, key, value) for value in values]
    every += [(f"weights {kind}", lambda copy, kind=kind: _reshape(copy, kind)) for kind in WEIGHTS]
    every.append(("tokens more", _add_tokens))
    dice.shuffle(every)
    while len(every) < tries.count:
        path = dice.choice(sorted(made.rglob("*.json")))
        content = json.loads(path.read_text(encoding="utf-8"))
        row = dice.randrange(len(content)) if isinstance(content, list) else 0
        keys = list(content[row] if isinstance(content, list) else content)
        every.append(_value(path.relative_to(made).as_posix(), row, dice.choice(keys), dice.choice(VALUES)))
    return every[: tries.count]


def _value(file: str, row: int, key: str, value: Any) -> tuple[str, Callable[[Path], None]]:
    def forge(folder: Path) -> None:
        path = folder / file
        content = json.loads(path.read_text(encoding="utf-8"))
        target = content[row] if isinstance(content, list) else content
        target[key] = value
        path.write_text(json.dumps(content), encoding="utf-8")

    return f"{file} {key} = {str(value)[:40]}", forge


def _add_tokens(folder: Path) -> None:
    """Tokens of numbers that no row of the weights has."""
    for path in folder.rglob("tokenizer.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for number, word in enumerate(("kettle", "water", "boil", "rinse")):
            content["added_tokens"].append({"id": 40_000 + number, "content": word, **_PLAIN})
        path.write_text(json.dumps(content), encoding="utf-8")


_PLAIN = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
WEIGHTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda values: values.T,
    "cut": lambda values: values[: max(1, len(values) // 2)] if values.ndim else values,
    "longer": lambda values: np.concatenate([values, values]) if values.ndim else values,
    "of whole numbers": lambda values: values.astype(np.int32),
    "not finite": lambda values: values * np.float32("nan"),
    "flat": lambda values: values.reshape(-1),
}
"""What is made of each tensor."""


def _reshape(folder: Path, kind: str) -> None:
    from safetensors.numpy import load_file, save_file

    for path in folder.rglob("*.safetensors"):
        tensors = load_file(path)
        changed = {name: np.ascontiguousarray(WEIGHTS[kind](values)) for name, values in tensors.items()}
        save_file(changed, path, metadata={"format": "pt"})
