"""The page's numbers: random scenes trained in the browser by the recorded steps, and in Python by gdw.Step."""


import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw_notebooks.playground.page import bundle, recordings
from tools.record_steps import BY_HAND, CLASSES, LEARNERS, Recorded

TRAIN = """async ([source, recordings, task, steps]) => {
  window.module ??= await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  window.known ??= new Map();
  task.data.points = Float32Array.from(task.data.points);
  task.data.cleanPoints = Float32Array.from(task.data.cleanPoints);
  const run = new window.module.Run(recordings, task, window.known), batches = [];
  for (let k = 0; k < steps; k++) {
    run.step();
    batches.push([run.last.chosen, run.last.clean]);
  }
  const plain = (learner, names) => Object.fromEntries(names.map((n) => [n, [...learner.step.tensors.get(n).data]]));
  const learners = run.learners.map((learner) => ({
    states: plain(learner, learner.states.map(([name]) => name)),
    outputs: Object.fromEntries(Object.entries(learner.step.outputs).map(([name, t]) => [name, [...t.data]])),
    ...learner.look(task.data.points, task.data.labels),
  }));
  return { batches, learners: learners.map((l) => ({ ...l, logits: [...l.logits], losses: [...l.losses] })) };
}"""


FIRST_SCENE = """async ([source, clouds]) => {
  const script = `${source}\nexport { FIRST, drawn, dataOf };`;
  const { FIRST, drawn, dataOf } = await import(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
  const data = dataOf({ ...FIRST, noise: 'uniform', rate: 0.6, points: drawn(FIRST, clouds) });
  return { ...data, points: [...data.points], cleanPoints: [...data.cleanPoints] };
}"""


@pytest.fixture(scope="module")
def window(browser):
    page = browser.new_page()
    page.goto("about:blank")
    yield page
    page.close()


def scene(seed, points, clean, empty=None):
    """Random points and labels; one class may be empty."""
    random = np.random.default_rng(seed)
    classes = [c for c in range(CLASSES) if c != empty]
    return {
        "points": random.normal(0, 1.2, 2 * points).astype("float32").tolist(),
        "labels": random.choice(classes, points).tolist(), "truth": random.choice(classes, points).tolist(),
        "cleanPoints": random.normal(0, 1.2, 2 * clean).astype("float32").tolist(),
        "cleanLabels": random.choice(classes, clean).tolist(), "hand": random.uniform(0, 1, points).tolist(),
    }  # fmt: skip


def trained(window, data, learners, steps, seed):
    source = bundle("run") + "\nexport { Run };"
    task = {"data": data, "seed": seed, "learners": learners}
    return window.evaluate(TRAIN, [source, recordings(), task, steps])


SCENES = [(12, 1, None), (500, 60, None), (200, 9, 2), (37, 4, 0), (50, 50, None)]
SEVERAL = 12  # steps: rounding has not grown yet


@pytest.mark.parametrize(("seed", "size"), list(enumerate(SCENES)))
def test_every_learner_trains_as_the_package_does(window, seed, size):
    data, names = scene(seed, *size), [*LEARNERS, BY_HAND]
    found = trained(window, data, names, SEVERAL, seed)
    for name, ours in zip(names, found["learners"], strict=True):
        theirs = Recorded(name, seed)
        for chosen, clean in found["batches"]:
            theirs.write(data, chosen, clean)
            outputs = theirs.step()  # as the package takes it, without a recording
        assert ours["outputs"].keys() == outputs.keys()
        for key, value in theirs.states.items():
            near(ours["states"][key], value, f"{name}: {key}")
        for key in ("flows", "losses", "weight", "sizes"):
            near(ours["outputs"][key], outputs[key], f"{name}: {key}")
        with torch.no_grad():
            logits = theirs.model(torch.tensor(data["points"]).view(-1, 2))
        near(ours["logits"], logits, f"{name}: logits")
        losses = cross_entropy(logits, torch.tensor(data["labels"]), reduction="none")
        near(ours["losses"], losses, f"{name}: losses")


def near(ours, theirs, what):
    ours, theirs = torch.tensor(ours, dtype=torch.float32), theirs.detach().flatten()
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3, msg=lambda text: f"{what}: {text}")


LONG, CLOSE = 300, 1e-3  # steps, and how far a weight may be away after them


def test_three_learners_stay_close_for_a_whole_run(window):
    """On the clouds with uniform noise. Where more is learnt by heart, rounding grows faster, in torch as well."""
    names = ["cross-entropy", "gdw-tied", "gdw"]
    data = window.evaluate(FIRST_SCENE, [bundle("scene"), recordings()["clouds"]])
    found = trained(window, data, names, LONG, 0)
    for name, ours in zip(names, found["learners"], strict=True):
        theirs = Recorded(name)
        for chosen, clean in found["batches"]:
            theirs.write(data, chosen, clean)
            theirs.operations.replay()
        for key, value in theirs.model.named_parameters():
            apart = (torch.tensor(ours["states"][f"network.{key}"]) - value.detach().flatten()).abs().max()
            assert apart < CLOSE, f"{name} {key}: {apart:.1e}"
