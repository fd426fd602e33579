"""``torchrun -m gdw run``: two processes share each batch, and end where one does."""

import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from gdw.__main__ import main

ROOT = Path(__file__).parents[2]
RUN = ["run", "--device", "cpu", "--precision", "float64", "--rate", "0.4", "--epochs", "1", "--batch-size", "101"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "gdw"]


def test_two_processes_end_where_one_does(tmp_path, capsys):
    """With batches of 101 the first has 51 rows and the second 50; all parameters of the network are compared."""
    assert main([*RUN, "--save-model", str(tmp_path / "one.safetensors")]) == 0
    table = capsys.readouterr().out.splitlines()
    command = [sys.executable, *TORCHRUN, *RUN, "--save-model", str(tmp_path / "two.safetensors")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("[Gloo]")]  # torch 2.10 says it itself
    assert (len(said), said[0]) == (len(table), table[0])  # said once
    alone, together = (load_file(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert len(alone) >= 4
    for name, parameter in alone.items():
        torch.testing.assert_close(together[name], parameter, rtol=0, atol=1e-9)


def test_what_one_process_alone_can_keep_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert main([*RUN, "--checkpoint", "somewhere"]) == 2
    assert "several processes" in capsys.readouterr().err
