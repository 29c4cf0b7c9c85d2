"""Vocabulary pruning: a model over fewer of its tokens.

Rows of the embeddings and of the decoder go with the tokens, so that a text of kept tokens has the weights
that it had in the kept columns, and a removed token is read as smaller pieces. After "Load What You Need"
(Abdaoui 2020, arXiv 2010.05609), for a sparse encoder, whose output is the vocabulary too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splade_cli.deploy.export.card import add_section
from splade_cli.deploy.export.model_folder import copy_without_weights, edit_json, exact
from splade_cli.deploy.export.vocabulary import Vocabulary
from splade_cli.errors import InputError, ModelError, OptionError
from splade_cli.model.encode import WINDOW, encode
from splade_cli.model.folder.length_limit import write_length_limit
from splade_cli.model.identity import seal
from splade_cli.model.load import load_splade_model
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.storage.files import write_json

SAMPLE = 2000
STALE = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "generation_config.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
"""Files that list tokens or name them by number; tokenizer.json and config.json say it all without them."""


@dataclass(frozen=True)
class Pruned:
    """A pruned folder: sizes `before` and `after`, and the old numbers `ids` [after] of its columns."""

    folder: Path
    before: int
    after: int
    ids: tuple[int, ...]


def tokens_to_keep(
    loaded: LoadedModel,
    texts: Sequence[str],
    *,
    share: float | None = None,
    size: int | None = None,
    progress: Progress = silent,
) -> list[int]:
    """The token ids that a corpus needs: those in its texts, then those that the model adds to them.

    Args:
        texts: the corpus. All of it is tokenised, to its end; up to 2,000 texts, evenly spread, are encoded.
        share: leave out the weakest added tokens, as long as this share of all weight stays; None keeps them
            all.
        size: tokens at most, those counted in that `prune_vocabulary` keeps anyway.

    Returns:
        Ids, most wanted first: tokens of the texts before added ones, each by total weight in the encoded
            texts.

    Raises:
        InputError: no text, a share outside (0, 1], or a size that the tokenizer cannot do with.
        ModelError: a tokenizer that cannot be pruned.
    """
    if not texts:
        raise InputError("no text to choose tokens from", "name the documents of a corpus")
    if share is not None and not 0 < share <= 1:
        raise OptionError(
            f"the share of weight to keep must be above 0 and at most 1, got {share}", "for example 0.99"
        )
    vocabulary = Vocabulary.of(loaded.tokenizer, loaded.model.name)
    vital = _indispensable(vocabulary, loaded)
    if size is not None and size < len(vital):
        raise InputError(
            f"a vocabulary of {size} is too small: the tokenizer of {loaded.model.name} cannot do without "
            f"its {len(vital)} special tokens and single characters",
            f"give more than {len(vital)}",
        )
    counts = np.zeros(loaded.model.dimensions, dtype=np.int64)
    prompts = [prompt for prompt in loaded.model.prompts.values() if prompt]
    for start in range(0, len(texts), WINDOW):
        part = [*texts[start : start + WINDOW], *prompts]
        rows = loaded.tokenizer(part, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        numbers = np.fromiter(chain.from_iterable(rows), np.int64)
        counts += np.bincount(numbers, minlength=len(counts))
        progress("tokenize", min(start + WINDOW, len(texts)), len(texts))
    sample = texts[:: -(-len(texts) // SAMPLE)]
    weights = np.asarray(encode(loaded, sample, progress=progress).sum(axis=0), dtype=np.float64).ravel()
    order = np.lexsort((-counts, -weights, counts == 0))  # the last key decides first
    order = order[(counts[order] > 0) | (weights[order] > 0)]
    if share is not None:
        enough = int(np.searchsorted(np.cumsum(weights[order]), share * weights.sum() * (1 - 1e-9))) + 1
        order = order[: max(enough, int((counts > 0).sum()))]
    chosen: list[int] = []
    for number in order.tolist():
        vital |= vocabulary.with_parts([number])
        if size is not None and len(vital) > size:
            break
        chosen.append(number)
    return chosen


def _indispensable(vocabulary: Vocabulary, loaded: LoadedModel) -> set[int]:
    """What is always kept: the tokenizer's basic tokens and those that the configuration names."""
    named = _token_ids(loaded.splade.masked_lm.config.to_dict(), loaded.model.dimensions)
    return vocabulary.with_parts(vocabulary.basic | set(named.values()))


def _token_ids(config: dict[str, Any], vocabulary_size: int) -> dict[str, int]:
    """``pad_token_id`` and the like of a configuration, where they are numbers of its vocabulary."""
    named: dict[str, int] = {}
    for key, value in config.items():
        if key.endswith("_token_id") and isinstance(value, int) and 0 <= value < vocabulary_size:
            named[key] = value
    return named


def prune_vocabulary(
    source: str | Path, output: Path, keep: Collection[int], options: ModelOptions | None = None
) -> Pruned:
    """Writes the model folder `source` over fewer tokens to `output`, in the same layout.

    Args:
        source, output, options: as `model_folder.copy_without_weights`.
        keep: token ids. Special tokens, single characters and what byte pairs are merged of are kept as well.

    Returns:
        What was kept, in its old order. A text whose tokens are all kept has the weights of `source` in the
        kept columns. Weights are stored in 16 bits where nothing is lost by it.

    Raises:
        ModelError: no SPLADE model, a tokenizer that cannot be pruned, or a result that is not as promised.
        InputError: an id outside the vocabulary, or `output` is taken.
    """
    loaded = copy_without_weights(source, output, options)
    vocabulary = Vocabulary.of(loaded.tokenizer, loaded.model.name)
    total = loaded.model.dimensions
    outside = next((number for number in keep if not 0 <= number < total), None)
    if outside is not None:
        raise InputError(
            f"token {outside} is none of the {total} of {source}", "keep ids of this model's tokenizer"
        )
    ids = sorted(_indispensable(vocabulary, loaded) | vocabulary.with_parts(keep))
    if ids[-1] >= total:
        raise ModelError(
            f"the tokenizer of {source} has a token {ids[-1]}, and the model only {total}",
            "its vocabulary is not pruned",
        )
    new = {old: number for number, old in enumerate(ids)}
    described = json.loads((output / "config.json").read_text(encoding="utf-8"))
    _smaller(loaded.splade.masked_lm, new).save_pretrained(output)
    renumbered = {key: new[old] for key, old in _token_ids(described, total).items()}
    write_json(output / "config.json", {**described, "vocab_size": len(ids), **renumbered})
    _write_tokenizer(output, vocabulary, new)
    for path in output.glob("*/config.json"):
        settings = json.loads(path.read_text(encoding="utf-8"))
        wide = [key for key in settings if key.endswith("embedding_dimension") and settings[key] == total]
        edit_json(path, **dict.fromkeys(wide, len(ids)))
    write_length_limit(output, loaded.model.max_seq_length)
    seal(output)  # the checksums that were copied are those of the whole model
    _check(loaded, output, vocabulary, new, options)
    sizes = f"{len(ids):,} of the {total:,} tokens of the model that it was made of"
    add_section(output, "Pruned vocabulary", [f"{sizes}; a removed token is read as pieces."])
    return Pruned(output, total, len(ids), tuple(ids))


def _smaller(masked_lm: Any, new: dict[int, int]) -> Any:
    """The model over the tokens in `new`; what depends on the vocabulary is what has another shape in it."""
    config = copy.deepcopy(masked_lm.config)
    for key, old in _token_ids(config.to_dict(), config.vocab_size).items():
        setattr(config, key, new[old])
    config.vocab_size = len(new)
    small = type(masked_lm)(config)
    old_state = masked_lm.state_dict()
    rows = torch.tensor(list(new))
    state = {}
    for name, like in small.state_dict().items():
        state[name] = old_state[name]
        for axis, size in enumerate(like.shape):
            if state[name].shape[axis] != size:
                state[name] = state[name].index_select(axis, rows)
    small.load_state_dict(state)
    for dtype in (torch.float16, torch.bfloat16):
        if all(torch.equal(weight.to(dtype).float(), weight) for weight in small.parameters()):
            return small.to(dtype)
    return small


def _write_tokenizer(output: Path, vocabulary: Vocabulary, new: dict[int, int]) -> None:
    for name in STALE:
        (output / name).unlink(missing_ok=True)
    text = json.dumps(vocabulary.reduced(new), ensure_ascii=False)
    (output / "tokenizer.json").write_text(text, encoding="utf-8")
    path = output / "tokenizer_config.json"
    if not path.is_file():
        return
    numbered = json.loads(path.read_text(encoding="utf-8")).get("added_tokens_decoder")
    if numbered:
        edit_json(path, added_tokens_decoder={str(new[int(old)]): token for old, token in numbered.items()})


def _check(
    loaded: LoadedModel,
    output: Path,
    vocabulary: Vocabulary,
    new: dict[int, int],
    options: ModelOptions | None,
) -> None:
    """Raises ModelError where the folder, opened again, names or weighs the kept tokens in another way."""
    fresh = load_splade_model(str(output), exact(options))
    names = {name: new[old] for name, old in vocabulary.ids.items() if old in new}
    loaded.model.max_active = None
    fresh.model.max_active = None
    old = torch.tensor([list(new)[:: -(-len(new) // 24)]])
    mask = torch.ones_like(old)
    with torch.inference_mode():
        expected = loaded.splade(input_ids=old, attention_mask=mask)[:, list(new)]
        given = fresh.model(input_ids=old.clone().apply_(new.__getitem__), attention_mask=mask)
    same = given.shape == expected.shape and torch.allclose(given, expected, rtol=1e-3, atol=1e-3)
    if not same or fresh.tokenizer.get_vocab() != names:
        what = "vectors" if not same else "tokens"
        raise ModelError(
            f"the vocabulary of {loaded.model.name} cannot be pruned: the result has other {what}",
            f"please report it: {loaded.splade.masked_lm.config.model_type}, {vocabulary.kind} tokenizer",
        )
