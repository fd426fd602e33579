"""What the benchmarks time is what they say: the reference structure takes the very step that GDW takes."""

import json
import mmap
import subprocess
import time
from types import SimpleNamespace

import pytest
import torch

import gdw
from benchmarks import approximations, gpu, live, memory, scale, seeds_at_once, step_cost
from benchmarks.reference_structure import reference_step
from gdw import Experiment, History, Step
from gdw.comparison.cost import interleaved
from gdw.data.randomness import generator
from gdw.methods import GDW
from gdw.networks.classifiers import build_model
from gdw.training.stepping import take_step


def build():
    return build_model("mlp", (1, 8, 8), 10, generator(0, "model")).double()


def test_the_reference_structure_ends_where_gdw_does():
    random = torch.Generator().manual_seed(0)
    batch, meta_batch = (
        (torch.randn(20, 1, 8, 8, generator=random, dtype=torch.float64), torch.randint(10, (20,), generator=random))
        for _ in range(2)
    )
    ends = []
    for reference in (True, False):
        network = build()
        method = GDW(10, generator=generator(0, "method")).double()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            if reference:
                reference_step(build, network, method, optimizer, batch, meta_batch)
            else:
                take_step(Step(network, *batch, meta_batch=meta_batch, lr=optimizer), method, optimizer)
        ends.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-10)


def test_every_row_takes_a_step_and_is_divided_by_the_plain_one():
    steps = {name: step_cost.one_step(name, "mlp", 10, 4, "cpu") for name in step_cost.DEFAULT_ROWS}
    rows = interleaved(steps, "plain", rounds=3)
    assert set(rows) == set(step_cost.DEFAULT_ROWS)
    assert rows["plain"]["ratio"] == 1
    assert all(row["rounds"] == 3 and row["seconds"] > 0 for row in rows.values())


def test_the_rise_of_memory_is_that_of_what_is_held():
    with mmap.mmap(-1, 200_000_000) as held:  # from the system, whatever freed memory the process keeps
        rise = memory._resident_rise(lambda: torch.frombuffer(held, dtype=torch.uint8).fill_(1))
    assert 150e6 < rise < 400e6


def test_every_approximation_is_a_run_of_its_own_and_is_compared_with_the_exact_one_seed_by_seed():
    runs = {
        (json.dumps(Experiment(**how).everything(), sort_keys=True), approximations.approximations.WAYS.get(name))
        for name, how in approximations.WAYS.items()
    }
    assert len(runs) == len(approximations.WAYS)
    scenarios = {name: [90.0, 92.0] for name in approximations.SCENARIOS}
    accuracy = dict.fromkeys(approximations.WAYS, scenarios)
    accuracy["last layer"] = {name: [89.0, 91.5] for name in scenarios}
    table = {row["way"]: row for row in approximations.rows({}, dict.fromkeys(approximations.WAYS, 1.0), accuracy)}
    last = table["last layer"]["uniform 60, difference"]
    assert (last.mean, last.seeds) == (-0.75, 2)
    assert last.p_value == 1  # 0.2, one of the four smallest of 32
    assert (table["every second batch"]["uniform 60, difference"].mean, last.undecided) == (0, True)
    assert "uniform 60, difference" not in table["exact"]


def test_a_stop_is_timed_from_its_press():
    lab = live.Lab()
    assert 0 <= lab.seconds_to_stop(after=0) < live.WAIT_SECONDS
    assert len(lab.lab.histories[0]) >= 1
    assert not lab.lab.session.busy


def test_seeds_at_once_and_one_by_one_are_timed_on_the_same_runs():
    rows = seeds_at_once.measure(["cross-entropy"], seeds=2, epochs=1, rounds=1)["cross-entropy"]
    assert rows[seeds_at_once.ONE_BY_ONE]["ratio"] == 1
    at_once = rows[seeds_at_once.AT_ONCE]
    assert at_once["range"] == pytest.approx((at_once["ratio"],) * 2)  # one round
    assert at_once["ratio"] == pytest.approx(at_once["seconds"] / rows[seeds_at_once.ONE_BY_ONE]["seconds"])


def test_the_table_for_a_gpu_is_tried_without_one(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(gpu, "in_another_process", lambda options, name, end: dict.fromkeys(gpu.METHODS, "not run"))
    monkeypatch.setattr(gpu, "workers", no_workers)
    monkeypatch.setattr(gpu, "STACKED", (2,))
    monkeypatch.setattr(gdw.methods, "METHODS", {name: gdw.methods.METHODS[name] for name in ("gdw", "co-teaching")})
    monkeypatch.setattr(gpu, "experiment_of", lambda data, options: Experiment(rate=0.6, device="cpu"))
    file = tmp_path / "gpu.json"
    small = ["--device=cpu", "--model=mlp", "--batch-size=10", "--most=1", "--runs-seconds=9", f"--json={file}"]
    gpu.main(small)
    found = json.loads(file.read_text())
    assert found["difference from the CPU"] == {
        "gdw": {"as written": 0, "recorded": 0},
        "co-teaching": {"as written": 0, "recorded": "not recorded: its steps differ"},
    }
    assert found["steps"].keys() == gpu.OPTIONS.keys()
    for option, row in found["steps"].items():
        assert row.keys() == set(gpu.METHODS)
        for cell in row.values() if "compiled" not in option else ():
            assert cell["ms"] > 0
            assert cell["kernels"] == gpu.NEEDS_GPU
    assert found["steps"]["usual"]["gdw"]["bytes"] > 2 * found["steps"]["usual"]["plain"]["bytes"]
    for ways in found["finished runs a minute"].values():
        assert ways["streams"]["1"] > 0
        assert ways["stacked seeds"]["2"] > 0
        assert ways["processes"]["1"] == "not run: a process has ended"


@pytest.mark.parametrize(("kernels", "words"), [(7, "2.00 ms  kernels: 9"), (0, "torch ran it as written")])
def test_a_compiled_step_is_timed_and_then_recorded(kernels, words, monkeypatch):
    monkeypatch.setattr(step_cost, "compile_in_place", lambda network, device: None)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *args: self)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *args, **kwargs: self)
    monkeypatch.setattr(gpu, "generated", lambda step: ["triton_fused_batch_norm_relu_0"])
    monkeypatch.setattr(gpu, "captured", lambda step, method, device: (step, method, device))
    monkeypatch.setattr(gpu, "seconds_of", lambda step, device: 0.004 if callable(step) else 0.002)
    monkeypatch.setattr(gpu, "counted", lambda step, device: {"kernels": 9, "generated_kernels": kernels})
    cell = gpu.compiled("gdw", "mlp", 4, 10, "cuda", gpu.as_it_is)
    assert words in gpu.shown(cell)
    if kernels:
        assert (cell["ms"], cell["ms_not_recorded"]) == (2, 4)


def test_how_far_two_histories_are_apart():
    one, other = (History({}) for _ in range(2))
    one.append({"loss": 1.0, "auroc": float("nan")})
    other.append({"loss": 1.5, "auroc": float("nan")})
    assert gpu.apart(one, other) == 0.25
    other.epochs["auroc"][0] = 0.5
    assert gpu.apart(one, other) == float("inf")


def test_what_was_measured_at_scale_is_compared_with_the_aims():
    found = {
        "pace": [{"ratio": ratio} for ratio in (0.9, 0.5, 0.7)], "20 pictures": {"peak_bytes": 10},
        "200 pictures": {"peak_bytes": 13}, "9 rows": {"peak_bytes": 3e9},
        "precision": [{"average_precision": 0.8}, {"average_precision": 0.801}],
    }  # fmt: skip
    assert scale.compared(found) == [
        "pace: 0.7, aim: at most 0.75", "memory: 1.3, aim: at most 1.2, MISSED", "rows: 3, aim: at most 4",
        "precision: 0.001, aim: at most 0.002",
    ]  # fmt: skip
    assert scale.compared({"machine": {}}) == []


def test_a_row_whose_process_ends_early_says_why(monkeypatch, capsys):
    cell = {"ms": 1.0, "bytes": 1, "share_of_copy": 1, "kernels": 3, "generated": ["cpp_fused_batch_norm_relu_1"]}
    said = json.dumps({"model": "mlp", "batch_size": 2}) + "\n" + json.dumps({"plain": cell}) + "\n"
    failed = subprocess.CompletedProcess([], 1, said, "Traceback\nRuntimeError: no compiler")
    monkeypatch.setattr(gpu.subprocess, "run", lambda command, **how: failed)
    options = SimpleNamespace(device="cpu", model="mlp", batch_size=2)
    row = gpu.in_another_process(options, "compiled", time.monotonic() + 1)
    assert row.keys() == set(gpu.METHODS)
    assert row["gdw"] == row["mwnet"] == "not run: RuntimeError: no compiler"
    assert row["plain"]["kernels"] == 3
    assert "generated 1, 1 of them BatchNorm with ReLU" in capsys.readouterr().out


def no_workers(*given):
    raise EOFError


def test_bytes_are_counted_once_for_each_operation_and_tensor():
    ones = torch.ones(1000)
    assert gpu.bytes_moved(lambda: ones.add(ones).view(10, 100)) == 2 * ones.nbytes
    assert gpu.bytes_moved(lambda: ones.add_(ones)) == ones.nbytes


def test_a_measurement_in_a_process_of_its_own_says_why_it_failed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(scale.sys, "executable", "/bin/ls")  # which knows no --one
    with pytest.raises(subprocess.CalledProcessError):
        scale.apart(tmp_path, tmp_path)
    assert "option" in capfd.readouterr().err


@pytest.mark.parametrize("pictures", [("5", "5"), ("9", "5"), ("0", "5")])
def test_growth_needs_few_pictures_and_then_many(pictures, capsys):
    with pytest.raises(SystemExit):
        scale.main(["--pictures", *pictures, "--paced", "0", "--rows", "0", "--exact-rows", "0"])
    assert "--pictures takes few and then many, or 0 0" in capsys.readouterr().err


def test_where_the_memory_cannot_be_read_nothing_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scale, "STATUS", tmp_path / "status")
    with pytest.raises(SystemExit):
        scale.main(["--pictures", "0", "0", "--paced", "0", "--rows", "0", "--exact-rows", "0"])
    assert "this needs Linux" in capsys.readouterr().err
