"""A sweep and an audit on a real Dask scheduler with two worker processes, one of which is killed in the middle."""

import os
import signal
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import gdw
from gdw.comparison import sweep
from gdw.comparison.audit.audit import Plan
from gdw.comparison.records import read
from gdw.data.confirmed import Confirmed
from gdw.data.datasets import load_dataset
from gdw.pictures import extraction
from gdw.pictures.pretrained import Pretrained

dask = pytest.importorskip("dask", reason="pip install 'gdw[dask]'")
distributed = pytest.importorskip("distributed", reason="pip install 'gdw[dask]'")
RUNS = 5


@pytest.fixture(scope="module")
def cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the cluster's own sockets, when a worker is killed
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster:
            yield cluster


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_of_two_workers_is_killed_and_every_run_arrives_exactly_once(cluster, tmp_path):
    path = tmp_path / "runs.jsonl"
    experiments = [gdw.Experiment(method="cross-entropy", epochs=5, rate=0.4, seed=s) for s in range(RUNS)]
    with sweep.executor_for(cluster.scheduler_address) as executor:
        seeds = []
        for line in sweep.resume(experiments, path, executor):
            seeds.append(line["seed"])
            assert line["error"] is None
            if len(seeds) == 2:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)
    assert sorted(seeds) == list(range(RUNS))
    assert path.read_text().count("\n") == RUNS
    here = gdw.run(experiments[3])
    (there,) = [line for line in read(path) if line["seed"] == 3]
    assert there["accuracy"] == here.accuracy  # the same numbers as without a cluster


class Network(distributed.WorkerPlugin):
    """In every process: a small network in place of timm's."""

    def setup(self, worker=None):
        extraction.load_network = lambda network, size, folder=None: Pretrained(
            nn.Sequential(nn.AvgPool2d(8), nn.Flatten()), (0.5,) * 3, (0.25,) * 3, "bilinear", 32, "small"
        )


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_audit_on_two_workers_has_the_numbers_of_one_machine_when_one_is_killed(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "load_network", None)
    Network().setup()
    monkeypatch.setattr(extraction, "CHUNK", 8)
    random, killed = np.random.default_rng(0), []
    for place in range(48):
        path = tmp_path / "pets" / ("cat", "dog")[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    data = load_dataset(tmp_path / "pets", seen_at=32)

    def progress(what, done, total):
        killed.append(what)
        if len(killed) == 2:
            os.kill(cluster.workers[0].pid, signal.SIGKILL)

    found = []
    with sweep.executor_for(cluster.scheduler_address) as executor, distributed.Client(cluster) as client:
        client.register_plugin(Network())
        for shared, seen in ((executor, progress), (None, lambda *_: None)):
            monkeypatch.setenv("GDW_CACHE", str(tmp_path / str(bool(shared))))
            plan = Plan("small", 32, executor=shared)
            found.append(plan.run(data, Confirmed(), seen))
            (kept,) = (tmp_path / str(bool(shared))).rglob("*.f32")
            found.append(kept.read_bytes())
    assert found[1] == found[3]
    pd.testing.assert_frame_equal(found[0].table, found[2].table, check_exact=True)
    assert killed[:3] == ["features"] * 3


class Alone:
    """A client of no cluster."""

    def __init__(self, *_, **__):
        self.over = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get_executor(self):
        return self

    def shutdown(self, wait=True):
        self.over.append(wait)


@pytest.mark.parametrize(("address", "threads"), [("local", 1), ("tcp://there:1", 3)])
def test_local_processes_share_the_cores_and_an_interruption_waits_for_none(monkeypatch, address, threads):
    monkeypatch.setattr(distributed, "Client", Alone)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyboardInterrupt), sweep.executor_for(address) as executor:
            assert torch.get_num_threads() == threads
            raise KeyboardInterrupt
        assert (torch.get_num_threads(), executor.over) == (3, [False])
    finally:
        torch.set_num_threads(before)


def test_an_address_where_nobody_answers_is_said():
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ValueError, match="no Dask scheduler answers at tcp://127.0.0.1:9"),
        sweep.executor_for("tcp://127.0.0.1:9"),
    ):
        pass
