"""Licences of base models, and what they ask of a model that is made from one.

Looked for in this order: the front matter of its model card, a licence file beside it, the hub's card. What
cannot be found out is ``unknown``; a licence is never guessed from a name. No legal advice: the licence's own
text decides.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splade_cli.config.yaml_text import BadYaml, parse_yaml
from splade_cli.errors import ModelError

UNKNOWN = "unknown"
NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING", "LICENSE-MODEL")
NOTICES = ("NOTICE", "NOTICE.txt", "NOTICE.md")
CARD = "README.md"

_CREDIT = "name the author, link to the licence, and say what was changed"
DEMANDS = {
    "apache-2.0": "pass on a copy of the licence and any NOTICE file, keep the notices of the author, "
    "and say that files were changed",
    "mit": "keep the copyright notice and the text of the licence with every copy",
    "bsd-2-clause": "keep the copyright notice and the text of the licence with every copy",
    "bsd-3-clause": "keep the copyright notice and the text of the licence with every copy, "
    "and do not advertise with the author's name",
    "cc0-1.0": "nothing",
    "unlicense": "nothing",
    "cc-by-4.0": _CREDIT,
    "cc-by-sa-4.0": f"{_CREDIT}; a model made from it goes under the same licence",
    "cc-by-nc-4.0": f"{_CREDIT}; no commercial use",
    "cc-by-nc-sa-4.0": f"{_CREDIT}; no commercial use; a model made from it goes under the same licence",
    "cc-by-nd-4.0": "no changed version may be passed on, so a fine-tuned one neither",
    "cc-by-nc-nd-4.0": "no commercial use, and no changed version may be passed on, "
    "so a fine-tuned one neither",
    "gpl-3.0": "a work made from it goes under the same licence, with its source",
    "agpl-3.0": "a work made from it goes under the same licence, with its source, "
    "also where it only serves a network",
    "lgpl-3.0": "changed versions go under the same licence, with their source",
    "openrail": "pass on its rules of use, and keep to them",
    UNKNOWN: "unknown as well: ask its author before this model is passed on or used for money",
}
_TEXTS = (
    ("agpl-3.0", r"gnu affero general public license\s+version 3"),
    ("lgpl-3.0", r"gnu lesser general public license\s+version 3"),
    ("gpl-3.0", r"gnu general public license\s+version 3"),
    ("apache-2.0", r"apache license\s+version 2\.0"),
    ("mit", r"permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("bsd-3-clause", r"redistribution and use in source and binary forms.*neither the name"),
    ("bsd-2-clause", r"redistribution and use in source and binary forms"),
    ("cc0-1.0", r"cc0 1\.0 universal"),
    ("cc-by-nc-nd-4.0", r"attribution-noncommercial-noderivatives 4\.0"),
    ("cc-by-nc-sa-4.0", r"attribution-noncommercial-sharealike 4\.0"),
    ("cc-by-nc-4.0", r"attribution-noncommercial 4\.0"),
    ("cc-by-nd-4.0", r"attribution-noderivatives 4\.0"),
    ("cc-by-sa-4.0", r"attribution-sharealike 4\.0"),
    ("cc-by-4.0", r"attribution 4\.0 international"),
    ("unlicense", r"this is free and unencumbered software released into the public domain"),
)


@dataclass(frozen=True)
class Licence:
    """A licence by its identifier on the model hub, where it was found, and the files that go with it.

    `name` and `link` are for ``other``; `base_model` is what the base's card says that it was made from.
    """

    id: str = UNKNOWN
    found_in: str = ""
    name: str = ""
    link: str = ""
    base_model: str = ""
    files: tuple[Path, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it could be found out."""
        return self.id != UNKNOWN

    @property
    def demands(self) -> str:
        """What it asks of who passes on a model made from the base, in a sentence without a full stop."""
        return DEMANDS.get(self.id, f"what its text says{': ' + self.link if self.link else ''}")

    def __str__(self) -> str:
        shown = f"{self.name} ({self.id})" if self.name else self.id
        if not self.found_in:
            return f"{shown}: nothing beside it names one"
        return f"{shown}, as its {self.found_in} says"


def base_licence(base_model: str) -> Licence:
    """The licence of a folder, hub id or ``tiny``; ``unknown`` where nothing that can be read names one."""
    from splade_cli.model.layout import resolve

    try:
        source = resolve(base_model)
    except ModelError:
        return Licence()
    card = front_matter(_text(source, CARD))
    files = tuple(path for name in (*NAMES, *NOTICES) if (path := Path(source) / name).is_file())
    made_from = _first_text(card.get("base_model"))
    named = _first_text(card.get("license")).strip().lower()
    if named and named != UNKNOWN:
        name, link = (str(card.get(key) or "") for key in ("license_name", "license_link"))
        return Licence(named, "model card", name, link, made_from, files)
    for name in NAMES:
        known = recognised(_text(source, name))
        if known:
            return Licence(known, f"file {name}", base_model=made_from, files=files)
    return Licence(base_model=made_from, files=files)


def front_matter(card: str) -> dict[str, Any]:
    """The YAML between the first two ``---`` lines of a model card; empty where there is none to read."""
    match = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", card, re.DOTALL)
    if match is None:
        return {}
    try:
        value = parse_yaml(match[1])
    except BadYaml:
        return {}
    return value if isinstance(value, dict) else {}


def recognised(text: str) -> str | None:
    """The hub's identifier of a licence whose text this is, by the words that only it has."""
    words = re.sub(r"\s+", " ", text.lower())
    return next((name for name, mark in _TEXTS if re.search(mark, words)), None)


def copy_licence(licence: Licence, folder: Path) -> list[Path]:
    """Copies the base's licence and notice files into a model folder, where they are not yet; says which."""
    copied = []
    for path in licence.files:
        if not (folder / path.name).exists():
            copied.append(Path(shutil.copyfile(path, folder / path.name)))
    return copied


def _first_text(value: Any) -> str:
    """A text, or the first of a list of them; empty where there is none."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else ""


def _text(source: str, name: str) -> str:
    from splade_cli.model.hub import find_file

    try:
        path = find_file(source, name)
    except ModelError:
        return ""
    return path.read_text(encoding="utf-8", errors="replace") if path else ""
