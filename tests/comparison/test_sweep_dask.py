"""A sweep on a real Dask scheduler with two worker processes, one of which is killed in the middle."""

import os
import signal
import warnings

import pytest

import gdw
from gdw.comparison import sweep
from gdw.comparison.records import read

dask = pytest.importorskip("dask", reason="pip install 'gdw[dask]'")
distributed = pytest.importorskip("distributed", reason="pip install 'gdw[dask]'")
RUNS = 5


@pytest.fixture
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


def test_an_address_where_nobody_answers_is_said():
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ValueError, match="no Dask scheduler answers at tcp://127.0.0.1:9"),
        sweep.executor_for("tcp://127.0.0.1:9"),
    ):
        pass
