"""All-reduce: sums over the processes that train together, and their gradients."""

from __future__ import annotations

from torch import Tensor, distributed


def processes() -> int:
    """How many processes train together; 1 outside of torch.distributed."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 1
    return int(distributed.get_world_size())


def global_sum(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, any shape.

    The gradient reaches this process's own values, times the number of processes: DDP divides by it
    afterwards.
    """
    if processes() == 1:
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total + processes() * (values - values.detach())
