"""Signal handling of a training loop: Ctrl-C and termination act between two steps, never inside one.

What is saved then is a state that a resumed run can repeat.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Interrupts(TrainerCallback):
    """A context around a transformers training loop, and a callback of it.

    The first signal lets the step (and its evaluation) end, saves, and then raises; before the first step, or
    the second time, it raises at once. `whole` says whether weights, optimiser and step number belong
    together, so that a checkpoint may be written; `saved` whether it was written already. Signals can only be
    caught in the main thread: elsewhere nothing is changed.
    """

    def __init__(self) -> None:
        self.asked = False
        self.saved = False
        self.whole = True
        self.control: TrainerControl | None = None
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if callable(signal.getsignal(number)):
                    self.before[number] = signal.signal(number, self._signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def _signal(self, number: int, frame: FrameType | None) -> None:
        if self.control is None or self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.control.should_save = True

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.whole = False
        self.control = control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.whole = True
        self.control = control
        control.should_save |= self.asked

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.asked:
            self.saved = True
            raise KeyboardInterrupt

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.control = None
