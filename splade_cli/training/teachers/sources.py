"""Teacher scores of all datasets of a run, as its configuration asks for them."""

from __future__ import annotations

from collections.abc import Mapping

from splade_cli.config.schema import Config
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import Example
from splade_cli.storage.cache import Cache
from splade_cli.training.teachers.scores import BATCH_SIZE, TeacherReport, scored


def scored_sources(
    sources: Mapping[str, list[Example]], config: Config, cache: Cache, progress: Progress = silent
) -> tuple[dict[str, list[Example]], dict[str, TeacherReport]]:
    """Rows with scores, and what scoring did, by dataset."""
    loss = config.loss
    options = ModelOptions(
        device=config.hardware.device,
        batch_size=BATCH_SIZE,
        trust_remote_code=config.model.trust_remote_code,
        allow_pickle=config.model.allow_pickle,
    )
    rows: dict[str, list[Example]] = {}
    reports: dict[str, TeacherReport] = {}
    for name, examples in sources.items():
        rows[name], reports[name] = scored(
            examples,
            loss.teachers,
            cache,
            options,
            false_negatives=loss.false_negatives,
            rescore=loss.rescore,
            raw=loss.raw_scores,
            progress=progress,
        )
    return rows, reports
