"""A captured step ends where the step as written ends, or says why it cannot be captured.

Bit for bit, but for BatchNorm along a tangent: under a recording torch's forward mode orders its sums otherwise.
"""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

import gdw
from gdw.gradients.recording import Capture, Operations
from gdw.gradients.step import Seen
from gdw.methods import GDW, METHODS, CrossEntropy
from gdw.training import sources, stepping
from gdw.training.loop import tries_kernels
from gdw.training.many import supports_many_seeds
from tests import cuda_graph
from tests.picture_files import shifted_digits
from tests.runs import trained
from tests.ways import BY_WAY

SMALL = {"rate": 0.4, "epochs": 2, "batch_size": 50, "train_per_class": 30, "test_per_class": 10, "device": "cpu"}
CNN = SMALL | {"model": "cnn", "precision": "float64", "epochs": 1}
CAPTURABLE = [name for name, method in METHODS.items() if method.all_steps_identical]


@pytest.fixture(params=["operations", "CUDA graph"])
def capture(request, monkeypatch):
    """Each kind of recording in turn; the graph with an understudy for the GPU."""
    if request.param == "CUDA graph":
        as_on_a_gpu(monkeypatch)
    return request.param


def as_on_a_gpu(monkeypatch):
    cuda_graph.understudy(monkeypatch)
    monkeypatch.setattr(stepping, "Capture", lambda device, owner: Capture(torch.device("cuda:1"), owner))


def same(experiment, atol=0.0, **own):
    """Model, method and History of a captured run are those of an ordinary one, which needs no second training."""
    name = repr((experiment.everything(), sources.Step, sorted(own)))
    if name not in _WRITTEN:
        _WRITTEN[name] = trained(experiment, **own)
    written, captured = _WRITTEN[name], trained(experiment.with_(capture=True), **own)
    found = state(captured)
    for name, value in state(written).items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=atol, msg=name)
    if not atol:
        assert replace(captured.history, config=written.history.config) == written.history
    else:
        torch.testing.assert_close(captured.history.epochs, written.history.epochs, rtol=0, atol=atol, equal_nan=True)
    return captured


_WRITTEN = {}


def state(training):
    """Every tensor that a run has learnt, by name."""
    kept = {"model": training.model.state_dict(), "method": training.method.state_dict()}
    leaves = torch.utils._pytree.tree_flatten_with_path(kept)[0]
    return {str(path): value for path, value in leaves if isinstance(value, torch.Tensor)}


@pytest.mark.parametrize("method", CAPTURABLE)
def test_every_method_that_says_so_can_be_captured(method, capture):
    same(gdw.Experiment(method=method, **SMALL))


@pytest.mark.parametrize("way", BY_WAY)
def test_every_exact_way(way, capture, monkeypatch):
    monkeypatch.setattr("gdw.training.sources.Step", BY_WAY[way])
    same(gdw.Experiment(**SMALL))
    same(gdw.Experiment(**CNN), atol=1e-9)


@pytest.mark.parametrize(
    "how",
    [{"save_memory": True}, {"precision": "float64"}, {"precision": "bfloat16"}, {"max_prob": 0.999}],
    ids=str,
)
def test_every_option(how, capture):
    same(gdw.Experiment(**how, **SMALL))


@pytest.mark.parametrize("how", [{"save_memory": True}, {"channels_last": False}], ids=str)
def test_every_option_of_a_convolutional_network(how, capture):
    same(gdw.Experiment(**CNN, **how), atol=1e-9)


def test_pictures_augmented_and_fetched_from_the_host(capture):
    same(gdw.Experiment(method="gdw", **SMALL), dataset=shifted_digits(), resident=False)


def test_a_step_leaves_what_a_recorder_sees_and_each_keeps_its_own():
    """One replay's numbers stay when the next has been taken."""
    batches = [e for e in gdw.Training(gdw.Experiment(capture=True, **SMALL)).events() if isinstance(e, gdw.BatchDone)]
    written = [e for e in gdw.Training(gdw.Experiment(**SMALL)).events() if isinstance(e, gdw.BatchDone)]
    assert len(batches) == len(written)
    for captured, step in zip(batches, written, strict=True):
        assert isinstance(captured.step, Seen)
        assert len(captured.step) == len(step.step)
        assert torch.equal(captured.gradient, step.gradient)
        for name in ("flows", "losses", "labels", "indices"):
            assert torch.equal(getattr(captured.step, name), getattr(step.step, name))


def test_the_understudy_notices_what_a_gpu_would(monkeypatch):
    """A method that puts a new tensor in an old one's place is astray in a graph: the tests above can fail."""

    class Moving(CrossEntropy):
        all_steps_identical = True

        def logit_gradient(self, step):
            self.mean = getattr(self, "mean", torch.zeros(())) * 0.5 + step.losses.mean()
            return super().logit_gradient(step) * self.mean

    as_on_a_gpu(monkeypatch)
    experiment = gdw.Experiment(method="cross-entropy", **SMALL)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        trained(experiment.with_(capture=True), method=Moving(10))


def reads_a_loss(method, step):
    return float(step.losses.mean())


def reads_what_was_there_before(method, step):
    before = float(method.mean)
    method.mean.mul_(0.5).add_(step.losses.mean())
    return before


def makes_a_list(method, step):
    return max(step.losses.tolist())


def makes_an_array(method, step):
    return float(step.losses.numpy().max())


@pytest.mark.parametrize("read", [reads_a_loss, reads_what_was_there_before, makes_a_list, makes_an_array])
def test_reading_a_number_on_the_host_is_an_error(read):
    class Reading(CrossEntropy):
        all_steps_identical = True

        def __init__(self, *args):
            super().__init__(*args)
            self.register_buffer("mean", torch.ones(()))

        def logit_gradient(self, step):
            return super().logit_gradient(step) * read(self, step)

    with pytest.raises(RuntimeError, match="cannot be recorded .*on the host.*: give capture=False"):
        trained(gdw.Experiment(method="cross-entropy", capture=True, **SMALL), method=Reading(10))


def test_an_error_within_a_graph_says_what_to_do(monkeypatch):
    class Reading(CrossEntropy):
        all_steps_identical = True

        def logit_gradient(self, step):
            return super().logit_gradient(step) * float(step.losses.mean())

    as_on_a_gpu(monkeypatch)
    with pytest.raises(RuntimeError, match="cannot be recorded .*not permitted.*: give capture=False"):
        trained(gdw.Experiment(method="cross-entropy", capture=True, **SMALL), method=Reading(10))


def test_a_recording_that_fails_leaves_no_stream_behind_and_says_what_came_first(monkeypatch):
    as_on_a_gpu(monkeypatch)
    streams = cuda_graph.Stream.current
    here = streams[-1]

    @contextmanager
    def ends_badly(graph, stream, capture_error_mode):
        streams[-1] = stream
        try:
            yield
        finally:  # as older versions of torch do
            raise RuntimeError("capture_end: the capture was invalidated")

    def reading():
        raise RuntimeError("operation not permitted: a number is read")

    monkeypatch.setattr(torch.cuda, "graph", ends_badly)
    with pytest.raises(RuntimeError, match="cannot be recorded .operation not permitted: a number is read"):
        Capture(torch.device("cuda"), GDW(10)).take(reading)
    assert streams == [here]


def test_what_is_being_handled_elsewhere_is_not_why_a_recording_fails():
    def reading():
        return (torch.ones(int(torch.ones(1))),)

    with pytest.raises(RuntimeError, match="cannot be recorded .*reads a number on the host"):
        try:
            raise KeyError("another module")
        except KeyError:
            Capture(torch.device("cpu"), GDW(10)).take(reading)


class Centred(nn.Module):
    """Keeps a running mean of its pictures, in place or not."""

    def __init__(self, in_place):
        super().__init__()
        self.in_place, self.linear = in_place, nn.Linear(64, 10)
        self.register_buffer("centre", torch.zeros(64))

    def forward(self, images):
        mean = images.flatten(1).mean(0)
        if self.in_place:
            self.centre.mul_(0.9).add_(0.1 * mean)
        else:
            self.centre = 0.9 * self.centre + 0.1 * mean
        return self.linear(images.flatten(1) - mean)  # a pass that used what it moves would not repeat itself


def test_a_models_own_buffers_are_followed_or_refused(capture):
    experiment = gdw.Experiment(method="gdw", **SMALL)
    model = Centred(in_place=True)
    captured = trained(experiment.with_(capture=True), model=deepcopy(model))
    written = trained(experiment, model=deepcopy(model))
    assert torch.equal(captured.model.centre, written.model.centre)
    with pytest.raises(ValueError, match="centre is another tensor after each step"):
        trained(experiment.with_(capture=True), model=Centred(in_place=False))


def test_statistics_move_even_if_nobody_looks_at_what_was_normalised():
    norm = nn.BatchNorm1d(3)

    def step():
        norm(torch.arange(12.0).view(4, 3))
        return (torch.ones(1),)

    recording = Operations(step)
    before = norm.running_mean.clone()
    recording.replay()
    assert not torch.equal(norm.running_mean, before)


def test_another_name_that_is_reshaped_in_place_stays_another():
    losses = torch.ones(3)

    def step():
        column = losses.detach().unsqueeze_(1)
        return losses + column.sum(), (losses + 1).detach().unsqueeze_(1)

    recording = Operations(step)
    first, second = recording.replay()
    assert (first.shape, second.shape) == ((3,), (3, 1))


def test_two_recordings_at_a_time():
    """Two labs in one notebook: each run is the one it would be alone."""
    experiment = gdw.Experiment(capture=True, **SMALL)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda seed: gdw.run(experiment.with_(seed=seed)), [0, 1, 0, 1]))
    assert runs[0] == runs[2] == gdw.run(experiment)
    assert runs[1] == runs[3]


def test_a_graph_keeps_what_it_reads(monkeypatch):
    """It holds addresses: code that keeps only the recording also keeps the network and its batches."""
    as_on_a_gpu(monkeypatch)

    def recorded():
        weight, state = torch.ones(3), torch.zeros(3)
        capture = Capture(torch.device("cuda"), nn.Module())

        def step():
            state.add_(weight)
            return (state * 2,)

        while capture.runs_left:
            capture.warm_up(step)
        return capture.take(step)

    recording = recorded()
    gc.collect()
    assert recording.outputs[0].tolist() == [8, 8, 8]  # three runs to warm up, one replay
    assert recording.replay()[0].tolist() == [10, 10, 10]
    assert recording.outputs[0].tolist() == [8, 8, 8]


@pytest.mark.parametrize("save_memory", [False, True])
def test_no_step_waits_for_the_garbage_collector(save_memory):
    """A step that is over frees its graph: else a GPU's memory fills, and old streams linger."""
    training = gdw.Training(gdw.Experiment(save_memory=save_memory, **SMALL))
    gc.disable()
    try:
        events = training.events()
        seen = weakref.ref(next(events).step)
        next(events)
        assert seen() is None
    finally:
        gc.enable()


def test_no_recording_waits_for_the_garbage_collector(monkeypatch):
    as_on_a_gpu(monkeypatch)
    taken, take = [], Capture.take

    def seen(capture, function):
        recording = take(capture, function)
        taken.append(weakref.ref(recording))
        return recording

    monkeypatch.setattr(Capture, "take", seen)
    gc.disable()
    try:
        trained(gdw.Experiment(capture=True, **SMALL))
        assert [recording() for recording in taken] == [None]
    finally:
        gc.enable()


def test_a_recording_is_free_of_bookkeeping():
    weight = nn.Parameter(torch.ones(3))

    def step():
        weight.grad = None
        (weight.detach().clone() * weight).sum().backward()
        with torch.no_grad():
            weight.sub_(weight.grad)
        return (weight.detach() * 2,)

    recording = Operations(step)
    names = [str(node.target) for node in recording.module.graph.nodes]
    assert not [name for name in names if name.startswith(("aten.detach", "aten.alias", "profiler"))]
    assert torch.equal(recording.outputs[0], torch.zeros(3))  # 1 - 1, doubled
    with torch.no_grad():
        weight.fill_(3)
    assert torch.equal(recording.replay()[0], torch.zeros(3))  # 3 - 3


@pytest.mark.parametrize(
    "settings", [{"method": "co-teaching"}, {"method": "ldam-drw"}, {"settings": {"meta_every": 2}}], ids=str
)
def test_steps_that_are_not_alike_are_taken_one_by_one(settings):
    training = same(gdw.Experiment(**settings, **SMALL))
    assert training.history.metadata["captured"] is False
    assert trained(gdw.Experiment(capture=True, **SMALL)).history.metadata["captured"] is True


@pytest.mark.parametrize("how", ["capture", "compile"])
def test_dropout_is_refused(how):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    with pytest.raises(ValueError, match="random numbers"):
        trained(gdw.Experiment(**{how: True}, **SMALL), model=model)


def test_a_compiled_network_is_not_recorded():
    method = gdw.methods.GDW(10)
    assert not stepping.captures(gdw.Experiment(compile=True, capture=True).engine, method)
    assert stepping.captures(gdw.Experiment(capture=True).engine, method)


def test_on_a_gpu_steps_are_recorded_by_themselves(monkeypatch):
    as_on_a_gpu(monkeypatch)
    here = lambda device, *given: stepping.usually_captures(torch.device("cuda"), *given)  # noqa: E731
    monkeypatch.setattr("gdw.training.run.usually_captures", here)
    assert trained(gdw.Experiment(**SMALL)).history.metadata["captured"] is True
    assert trained(gdw.Experiment(capture=False, **SMALL)).history.metadata["captured"] is False
    own = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    assert trained(gdw.Experiment(**SMALL), model=own).history.metadata["captured"] is False
    assert supports_many_seeds(gdw.Experiment(**SMALL))


LONG = {
    "epochs": 3,
    "train_per_class": 100,
    "test_per_class": 5,
    "batch_size": 100,
    "device": "cpu",
    "dataset": "digits",
}


def test_a_run_that_nobody_looks_into_is_recorded_on_the_cpu_too():
    experiment = gdw.Experiment(rate=0.4, **LONG)
    runs = gdw.ManySeeds(experiment, [0])
    assert list(runs.events())
    for history in (gdw.run(experiment), runs.histories[0]):
        assert history.metadata["captured"] is True
        assert history == trained(experiment.with_(capture=False)).history
    looked_into = gdw.Training(experiment)
    assert isinstance(next(looked_into.events()).step, gdw.Step)
    assert looked_into.history.metadata["captured"] is False


class Counts(CrossEntropy):
    """It promises what is not so."""

    name, title, source, all_steps_identical = "counts", "Counts", "a test", True
    steps = 0

    def logit_gradient(self, step):
        self.steps += 1
        return super().logit_gradient(step) * min(1, self.steps / 20)


def test_a_method_of_ones_own_by_name_is_taken_as_written_on_a_cpu_and_other_devices_never_record():
    try:
        gdw.methods.register(Counts)
        experiment = gdw.Experiment(**LONG | {"method": "counts"})
        assert gdw.run(experiment) == gdw.run(experiment.with_(capture=False))
    finally:
        METHODS.pop("counts", None)
    of_ours = gdw.Experiment(**LONG), nn.Linear(2, 2), 1e6
    recorded = {kind: stepping.usually_captures(torch.device(kind), *of_ours) for kind in ("cpu", "cuda", "mps")}
    assert recorded == {"cpu": True, "cuda": True, "mps": False}


def test_the_record_says_whether_steps_were_recorded_since_it_went_on(tmp_path):
    experiment = gdw.Experiment(**LONG)
    training, path = gdw.Training(experiment), tmp_path / "run.safetensors"
    next(training.events())
    training.save(path)
    on = gdw.Training.load(path, whole_steps=False)
    assert list(on.events())
    assert on.history.metadata["captured"] is True
    many = gdw.ManySeeds(experiment, [0, 1], whole_steps=True)
    assert list(many.events())
    assert [history.metadata["captured"] for history in many.histories] == [False, False]


@pytest.mark.parametrize(
    ("changes", "own"),
    [({"compile": True}, {}), ({"precision": "bfloat16"}, {}), ({"save_memory": True}, {}), ({"model": "cnn"}, {}),
     ({"max_prob": 0.999}, {}), ({"capture": False}, {}), ({"epochs": 1}, {}),
     ({}, {"model": nn.Sequential(nn.Flatten(), nn.Linear(64, 10))}), ({}, {"method": CrossEntropy(10)})],
)  # fmt: skip
def test_where_a_recording_might_change_a_bit_or_takes_longer_there_is_none(changes, own):
    experiment = gdw.Experiment(**LONG | {"method": "cross-entropy"} | changes)
    assert gdw.Training(experiment, whole_steps=False, **own).history.metadata["captured"] is False


@pytest.mark.parametrize(("device", "deterministic"), [("cpu", False), ("cuda", False), ("cuda", True)])
def test_on_a_gpu_convolutions_are_the_fastest_for_their_shapes(device, deterministic, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", deterministic)
    assert tries_kernels(torch.device(device)) == (device == "cuda" and not deterministic)


def test_what_cudnn_tries_is_tried_within_steps_alone(monkeypatch):
    class Looking(CrossEntropy):
        def logit_gradient(self, step):
            seen.append(torch.backends.cudnn.benchmark)
            return super().logit_gradient(step)

    monkeypatch.setattr("gdw.training.loop.tries_kernels", lambda device: True)
    seen = []
    training = gdw.Training(gdw.Experiment(method="cross-entropy", **SMALL), method=Looking(10))
    for _ in training.events():
        assert not torch.backends.cudnn.benchmark
    assert set(seen) == {True}


def test_an_optimiser_of_the_methods_is_as_it_was(monkeypatch):
    """Adam consents to a graph while it is recorded, not for good: a saved one would not go on on a CPU."""
    as_on_a_gpu(monkeypatch)
    method = GDW(10)
    (group,) = method.optimizer.param_groups
    within = []

    def step():
        within.append(group["capturable"])
        return (torch.ones(1),)

    capture = Capture(torch.device("cuda"), method)
    capture.warm_up(step)
    capture.take(step)
    assert within == [False, True]
    assert group["capturable"] is False


def test_nothing_is_left_in_grad():
    training = trained(gdw.Experiment(capture=True, **SMALL))
    assert all(parameter.grad is None for parameter in training.model.parameters())
