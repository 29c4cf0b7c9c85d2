"""Log messages of the libraries that train: warnings, loggers and progress bars that a run keeps silent."""

from __future__ import annotations

import logging
import warnings


def quieten() -> None:
    """Notes for people who write training loops do not belong between a user's figures."""
    for message in (".*pin_memory.*", ".*broadcast_buffers.*", "Dynamo detected a call to"):
        warnings.filterwarnings("ignore", message=message)
    for name in ("sentence_transformers", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import datasets

    datasets.disable_progress_bars()
