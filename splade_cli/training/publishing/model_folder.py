"""The model folder that a run ends with: weights, card, licence of the base, and the run's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from splade_cli.config.schema import Config
from splade_cli.model.folder.length_limit import settle_length_limits
from splade_cli.model.identity import seal
from splade_cli.records import Example
from splade_cli.storage.files import replacing_folder, write_json
from splade_cli.training.publishing.card import render
from splade_cli.training.publishing.card_facts import card_facts
from splade_cli.training.publishing.licence import copy_licence
from splade_cli.training.result import Trained
from splade_cli.training.trainable import Trainable

CARD = "README.md"
RECORD = "training.json"


def save_model(
    trainable: Trainable, config: Config, result: Trained, sources: Mapping[str, Sequence[Example]]
) -> None:
    """Writes the model to `result.model_dir`, whole or not at all.

    Args:
        sources: the training rows by dataset.
    """
    facts = card_facts(trainable, config, result, sources)
    with replacing_folder(result.model_dir) as folder:
        trainable.saved.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
        settle_length_limits(folder)
        (folder / CARD).write_text(render(facts), encoding="utf-8")
        copy_licence(facts.licence, folder)
        record = {
            "steps": result.steps,
            "share": result.share,
            "before": result.before,
            "after": result.after,
        }
        write_json(folder / RECORD, record)
        seal(folder)
