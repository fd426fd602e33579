// @ts-check
// Missions: a scene to begin with, and a goal that the page checks itself.
import { FIRST, drawn, labelsOf } from "./scene.js";

/**
 * @typedef {import("./scene.js").Scene} Scene
 * @typedef {{ scene: Scene, learners: string[], steps: number, accuracy: number[], cleanLosses: number[] }} State
 * @typedef {{ text: string, done: boolean }} Check
 * @typedef {{ title: string, goal: string, learners: string[], tool: string, scene(clouds: import("./scene.js").Clouds): Scene,
 *             checks(state: State): Check[], hidden?: boolean, won: string }} Mission
 */

const LONG = 300, TEN = 10; // steps before a goal counts; wrong labels
const FAILS = 85, HOLDS = 95, AHEAD = 5; // accuracies in percent, and a difference of two
export const TWELVE = 12;

/** @type {(over: Partial<Scene>, clouds: import("./scene.js").Clouds) => Scene} */
function starting(over, clouds) {
  const scene = { ...FIRST, ...over };
  return { ...scene, points: drawn(scene, clouds) };
}

/** An accuracy in percent as it is shown: a goal is judged by what one reads. @type {(state: State, name: string) => number} */
const of = (state, name) => Math.round(100 * (state.accuracy[state.learners.indexOf(name)] ?? 0));
/** @type {(state: State) => Check} */
const enough = ({ steps }) => ({ text: `Train for ${LONG} steps (now ${steps})`, done: steps >= LONG });

/** @type {Record<string, Mission | undefined>} */
export const MISSIONS = {
  ten: {
    title: "Ten lies", tool: "label", learners: ["cross-entropy", "gdw-tied", "gdw"],
    goal: "All labels are right. Make ten of them wrong, so that cross-entropy fails and GDW does not. Which ten?",
    won: "Few points, and each lie is learnt by heart. The clean set votes against those pushes.",
    scene: (clouds) => starting({ preset: "rings", count: 48, noise: "none", rate: 0, seed: 1 }, clouds),
    checks: (state) => {
      const labels = labelsOf(state.scene), wrong = state.scene.points.filter(({ truth }, k) => labels[k] !== truth).length;
      const plain = of(state, "cross-entropy"), gdw = of(state, "gdw");
      return [
        { text: `Exactly ${TEN} wrong labels (now ${wrong})`, done: wrong === TEN }, enough(state),
        { text: `Cross-entropy at ${FAILS} % or below (now ${plain} %)`, done: plain <= FAILS },
        { text: `GDW at ${HOLDS} % or above (now ${gdw} %)`, done: gdw >= HOLDS },
      ];
    },
  },
  control: {
    title: "The control wins", tool: "look", learners: ["cross-entropy", "gdw-tied", "gdw"],
    goal: "Tied GDW is GDW with one weight for each point. Find a scene where it is better: change the data, the noise, the draw.",
    won: "A weight for each flow is not always better: the clean set is small, and three weights for each point are noisier than one. One draw proves little: try the next one.",
    scene: (clouds) => starting({ preset: "tail", imbalance: 0.1, noise: "uniform", rate: 0.6 }, clouds),
    checks: (state) => {
      const tied = of(state, "gdw-tied"), gdw = of(state, "gdw");
      return [enough(state), {
        text: `Tied GDW ${AHEAD} points ahead of GDW (now ${tied} % and ${gdw} %)`,
        done: tied - gdw >= AHEAD,
      }];
    },
  },
  hand: {
    title: "Beat GDW", tool: "weight", learners: ["by-hand", "gdw", "cross-entropy"], hidden: true,
    goal: "Twelve points; some labels are wrong, and nobody says which. Stars are the clean set. Set the weights yourself: tap a point, or move its slider. The loss on the clean set judges you and GDW.",
    won: "You looked at the clean points and turned down what disagrees with them. GDW does this with gradients, for every flow. Leave the mission to see which labels were wrong.",
    scene: (clouds) => starting({ preset: "tail", count: TWELVE, noise: "flip", rate: 0.4, seed: 4 }, clouds),
    checks: (state) => {
      const [mine, gdw] = ["by-hand", "gdw"].map((name) => (state.cleanLosses[state.learners.indexOf(name)] ?? NaN).toFixed(3));
      return [enough(state), { text: `Your clean loss (${mine}) below GDW's (${gdw})`, done: Number(mine) < Number(gdw) }];
    },
  },
};
