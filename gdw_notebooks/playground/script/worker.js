// @ts-check
// The worker: it trains while the page draws. The page asks for pictures; between two of them, steps are taken.
import { Run } from "./run.js";

/**
 * @typedef {import("./learner.js").Recordings} Recordings
 * @typedef {import("./run.js").Task} Task
 * @typedef {{ kind: "recordings", recordings: Recordings, grid: Float32Array } | { kind: "task", task: Task, number: number, steps: number }
 *           | { kind: "pace", pace: number } | { kind: "step" | "stay" } | { kind: "hand", hand: number[] }
 *           | { kind: "picture", point: number, samples: number }} Message
 * @typedef {{ task: number, steps: number, logits: Float64Array[], weights: Float32Array[],
 *             readings: import("./run.js").Reading[], samples: import("./run.js").Sample[], rate: number }} Picture
 */

const SLICE = 8; // ms of steps before messages are read again
const LATE = 250; // ms; a worker that slept does not catch up

/** @type {Recordings} */
let recordings;
/** @type {Float32Array} the points of the map of regions */
let grid;
/** @type {Run | undefined} */
let run;
let task = 0, until = 0, pace = 0, begun = 0, done = 0, measured = { at: 0, steps: 0, rate: 0 };
const known = new Map(), next = new MessageChannel();
next.port1.onmessage = turn;
let waiting = false;

/** Whether the run has not come as far as its address says. @param {Run} now */
const opens = (now) => now.steps < until;
/** Whether a step is due. @param {Run} now */
const isBehind = (now) => opens(now) || done < ((performance.now() - begun) / 1000) * pace;

/** Steps that are due at this pace (a second), at most for a slice of time. */
function turn() {
  waiting = false;
  if (!run || !(pace || opens(run))) return;
  const now = performance.now(), end = now + SLICE;
  if (pace && now - begun - (done / pace) * 1000 > LATE) [begun, done] = [now, 0];
  while (performance.now() < end && isBehind(run)) {
    if (!opens(run)) done++;
    run.step();
  }
  if (now - measured.at > 500)
    measured = { at: now, steps: run.steps, rate: Math.max(0, run.steps - measured.steps) / ((now - measured.at) / 1000) };
  again();
}

function again() {
  if (waiting || !run) return;
  waiting = true;
  if (isBehind(run)) next.port2.postMessage(0);
  else setTimeout(turn, 4);
}

/** @type {(message: Extract<Message, { kind: "picture" }>) => void} */
function picture({ point, samples }) {
  if (!run) return;
  const current = run, logits = current.learners.map((learner) => learner.look(grid).logits);
  /** @type {Picture} */
  const answer = {
    task, steps: current.steps, logits, weights: current.weights.map((each) => each.slice()),
    readings: point < 0 ? [] : current.read(point),
    samples: current.samples.slice(samples), rate: pace ? measured.rate : 0,
  };
  postMessage(answer);
}

onmessage = (/** @type {MessageEvent<Message>} */ { data: message }) => {
  if (message.kind === "recordings") ({ recordings, grid } = message);
  else if (message.kind === "task") {
    run = new Run(recordings, message.task, known);
    [task, until] = [message.number, message.steps];
    measured = { at: performance.now(), steps: 0, rate: 0 };
    again();
  } else if (message.kind === "pace") {
    pace = message.pace;
    [begun, done] = [performance.now(), 0];
    measured = { at: performance.now(), steps: run?.steps ?? 0, rate: 0 };
    again();
  } else if (message.kind === "step" && run) {
    if (opens(run)) until++;
    else run.step();
  } else if (message.kind === "stay") until = 0;
  else if (message.kind === "hand" && run) run.data.hand = message.hand;
  else if (message.kind === "picture") picture(message);
};
