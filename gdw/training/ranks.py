"""A run by several processes, as torchrun starts them: each has a part of every batch, and the first one speaks."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TypeVar

import torch
import torch.distributed as dist

Value = TypeVar("Value")


def count() -> int:
    """How many processes train together: 1 outside of a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def of_the_first(value: Value) -> Value:
    """What the first process has, in all of them."""
    found = [value]
    if count() > 1:
        dist.broadcast_object_list(found)
    return found[0]


@contextmanager
def joined(options: argparse.Namespace) -> Iterator[None]:
    """Within, where torchrun has started several processes: they are one group, and only the first writes and prints.

    Raises:
        ValueError: a checkpoint is asked for, which is one process's.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
        yield
        return
    if options.checkpoint:
        raise ValueError("a run by several processes keeps no --checkpoint: leave it out")
    gpu = torch.cuda.is_available() and options.device != "cpu"
    if gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    with ExitStack() as silent:
        silent.callback(dist.destroy_process_group)
        if dist.get_rank():
            nothing = silent.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123 - no file of anyone's
            silent.enter_context(redirect_stdout(nothing))
            silent.enter_context(redirect_stderr(nothing))
            options.json = options.save_model = None
        yield
        sys.stdout.flush()
