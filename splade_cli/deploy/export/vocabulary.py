"""A tokenizer's vocabulary: which tokens need which others, and the tokenizer of some of them alone."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from splade_cli.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KINDS = ("WordPiece", "BPE", "Unigram")


class Vocabulary:
    """A tokenizer's tokens: which of them need which others, and what it is with some of them alone.

    Attributes:
        ids: number of each token, added ones included.
        basic: numbers that are never removed: added tokens, the unknown token, single characters and bytes,
            so that no text can be told less of than before.

    Raises:
        ModelError: neither WordPiece nor BPE nor Unigram.
    """

    def __init__(self, spec: dict[str, Any], name: str = "this model") -> None:
        self.spec = spec
        self.model = spec["model"]
        self.kind = self.model.get("type", "BPE")
        if self.kind not in KINDS:
            raise ModelError(
                f"the tokenizer of {name} is of kind {self.kind}", f"{', '.join(KINDS)} are pruned"
            )
        pieces: dict[str, int] = self.model["vocab"]
        if self.kind == "Unigram":
            pieces = {entry[0]: number for number, entry in enumerate(self.model["vocab"])}
        added = {token["content"]: token["id"] for token in spec["added_tokens"]}
        self.ids: dict[str, int] = {**pieces, **added}
        self._prefix = self.model.get("continuing_subword_prefix") or ""
        suffix = self.model.get("end_of_word_suffix") or ""
        unknown = self.model.get("unk_id", self.ids.get(self.model.get("unk_token")))
        self.basic: set[int] = set(added.values())
        if unknown is not None:
            self.basic.add(unknown)
        for piece, number in pieces.items():
            bare = piece.removeprefix(self._prefix).removesuffix(suffix)
            if len(bare) == 1 or re.fullmatch("<0x[0-9A-F]{2}>", piece):
                self.basic.add(number)
        self._parts: dict[int, set[int]] = {}
        for left, right, merged in self._merges():
            self._parts.setdefault(self.ids[merged], set()).update((self.ids[left], self.ids[right]))

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, name: str) -> Vocabulary:
        """The vocabulary of a transformers tokenizer; `name` is the model's, for the message.

        Raises:
            ModelError: it is not one of the tokenizers library.
        """
        fast = getattr(tokenizer, "backend_tokenizer", None)
        if fast is None:
            raise ModelError(
                f"the tokenizer of {name} is a {type(tokenizer).__name__}, which has no tokenizer.json",
                "only tokenizers of the tokenizers library are pruned",
            )
        return cls(json.loads(fast.to_str()), name)

    def _merges(self) -> Iterator[tuple[str, str, str]]:
        """(left, right, merged) of each byte-pair merge, in their order."""
        for merge in self.model.get("merges", ()):
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            yield left, right, left + right.removeprefix(self._prefix)

    def with_parts(self, ids: Iterable[int]) -> set[int]:
        """`ids` and everything that is merged on the way to them.

        A text whose tokens are all in such a set is split as before: every merge that was made is there
        still, in the same order, and none is new.
        """
        closure: set[int] = set()
        pending = list(ids)
        while pending:
            number = pending.pop()
            if number not in closure:
                closure.add(number)
                pending.extend(self._parts.get(number, ()))
        return closure

    def reduced(self, new: Mapping[int, int]) -> dict[str, Any]:
        """The tokenizer.json of the tokens in `new`, which gives each its new number."""
        spec = copy.deepcopy(self.spec)
        model = spec["model"]
        if self.kind == "Unigram":
            model["vocab"] = [entry for number, entry in enumerate(model["vocab"]) if number in new]
            model["unk_id"] = new.get(model["unk_id"])
        else:
            model["vocab"] = {piece: new[number] for piece, number in model["vocab"].items() if number in new}
        if "merges" in model:
            merges = []
            for merge, names in zip(model["merges"], self._merges(), strict=True):
                if all(self.ids[name] in new for name in names):
                    merges.append(merge)
            model["merges"] = merges
        for token in spec["added_tokens"]:
            token["id"] = new[token["id"]]
        if spec.get("padding"):
            spec["padding"]["pad_id"] = new[spec["padding"]["pad_id"]]
        _renumber_ends(spec.get("post_processor") or {}, new)
        return spec


def _renumber_ends(processor: dict[str, Any], new: Mapping[int, int]) -> None:
    """Renumbers the special tokens that a post-processor puts around a text."""
    for part in processor.get("processors", ()):
        _renumber_ends(part, new)
    for end in ("sep", "cls"):
        if end in processor:
            processor[end][1] = new[processor[end][1]]
    if processor.get("type") == "TemplateProcessing":
        for token in processor["special_tokens"].values():
            token["ids"] = [new[number] for number in token["ids"]]
