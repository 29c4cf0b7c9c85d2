"""Moving averages of regularisers as part of a checkpoint, so that a resumed run goes on alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.training.sparsity.regularized_losses import KINDS, Losses, as_list
from splade_cli.training.sparsity.regularizers import Regularizer

FILE = "regularizers.safetensors"


class MovingAverages(TrainerCallback):
    """Saves the regularisers' moving averages with each checkpoint, and reads them on resume."""

    def __init__(self, losses: Losses) -> None:
        self.losses = as_list(losses)

    def _buffers(self) -> dict[str, tuple[Regularizer, str]]:
        """Regulariser and attribute by the name that the average has in the file."""
        buffers: dict[str, tuple[Regularizer, str]] = {}
        for number, loss in enumerate(self.losses):
            for kind in KINDS:
                regularizer = getattr(loss, f"{kind}_regularizer", None)
                if not isinstance(regularizer, Regularizer):
                    continue
                for name in regularizer.averages:
                    buffers[f"{number}.{kind}.{name}"] = (regularizer, name)
        return buffers

    def save(self, folder: Path) -> None:
        """Writes the averages, if there are any, into a checkpoint that is being written."""
        from safetensors.torch import save_file

        tensors = {}
        for key, (regularizer, name) in self._buffers().items():
            tensors[key] = getattr(regularizer, name).cpu().contiguous()
        if tensors and folder.is_dir():
            save_file(tensors, folder / FILE)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from safetensors.torch import load_file

        path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / FILE
        if not (state.global_step and path.is_file()):
            return
        saved = load_file(path, device=str(args.device))
        for key, (regularizer, name) in self._buffers().items():
            if key in saved:
                setattr(regularizer, name, saved[key])
