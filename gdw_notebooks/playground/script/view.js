// @ts-check
// One learner's picture: its decision regions, the points as large as their weights, the flows of one point as arrows.
import { rgb } from "./parts.js";
import { CLASSES, REACH } from "./scene.js";

/**
 * @typedef {import("./scene.js").Point} Point
 * @typedef {{ points: Point[], labels: number[], chosen: number, cursor: [number, number] | null, hidden: boolean,
 *             numbers: number[], colors: string[], ink: string, paper: string }} Shown
 *   hidden: whether true classes are not shown; numbers: of the points that have one
 */

export const GRID = 32; // points of the network's map, each way
const FINE = 128; // pixels of the picture of regions, each way; between the points of the map, logits are interpolated
const PALE = 0.1, DEEP = 0.42; // how much of its colour a region has where the network is unsure, and where it is sure
const SURE = 2; // a lead in logits at which a region has half of its depth
const SMALL = 0.008, LARGE = 0.02, LARGEST_WEIGHT = 2.5; // radius of a point, of the picture's width
const FINEST = 0.25; // pixels between two radii that are drawn
const FAINTEST = 0.22, ARROW = 0.24; // opacity of a point without weight; length of a flow of 1, of the width

/** The map's points. */
export function gridPoints() {
  const points = new Float32Array(2 * GRID * GRID);
  for (let row = 0; row < GRID; row++)
    for (let column = 0; column < GRID; column++) {
      points[2 * (row * GRID + column)] = (column / (GRID - 1)) * 2 * REACH - REACH;
      points[2 * (row * GRID + column) + 1] = REACH - (row / (GRID - 1)) * 2 * REACH;
    }
  return points;
}

export class View {
  /** @type {Float32Array | undefined} weights as they are drawn: they follow the true ones within a few pictures */
  drawn;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} resized called when its size on the page is another: it has to be painted anew
   */
  constructor(canvas, resized) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    /** @type {Map<string, OffscreenCanvas>} points as they were drawn before: to draw one anew is slow */
    this.stamps = new Map();
    this.fine = new OffscreenCanvas(FINE, FINE);
    this.brush = /** @type {OffscreenCanvasRenderingContext2D} */ (this.fine.getContext("2d"));
    this.image = this.brush.createImageData(FINE, FINE);
    this.size = 0; // in pixels of the screen; to ask the page for it at every picture would cost a layout
    new ResizeObserver(() => {
      this.#measure();
      resized();
    }).observe(canvas);
  }

  #measure() { this.size = Math.round(this.canvas.clientWidth * Math.min(2, devicePixelRatio || 1)); }

  /** The canvas as fine as the screen. */
  #fit() {
    if (!this.size) this.#measure();
    if (!this.size || this.canvas.width === this.size) return;
    this.canvas.width = this.canvas.height = this.size;
    this.stamps.clear();
  }

  /**
   * Where a pointer is in the plane.
   * @param {{ clientX: number, clientY: number }} event
   * @returns {[number, number]}
   */
  at({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return [((clientX - box.left) / box.width) * 2 * REACH - REACH, REACH - ((clientY - box.top) / box.height) * 2 * REACH];
  }

  /**
   * Regions from the map's logits: each pixel has the colour of the largest one.
   * @param {Float64Array} logits
   * @param {string[]} colors
   * @param {string} paper
   */
  regions(logits, colors, paper) {
    const { data } = this.image, tints = colors.map(rgb), back = rgb(paper), here = new Float64Array(CLASSES);
    for (let row = 0, pixel = 0; row < FINE; row++) {
      const v = (row / (FINE - 1)) * (GRID - 1), top = Math.min(GRID - 2, Math.floor(v)), dv = v - top;
      for (let column = 0; column < FINE; column++, pixel += 4) {
        const u = (column / (FINE - 1)) * (GRID - 1), left = Math.min(GRID - 2, Math.floor(u)), du = u - left;
        const a = (top * GRID + left) * CLASSES, b = a + CLASSES, c = a + GRID * CLASSES, d = c + CLASSES;
        let best = 0, second = -Infinity;
        for (let k = 0; k < CLASSES; k++) {
          here[k] = (logits[a + k] * (1 - du) + logits[b + k] * du) * (1 - dv) + (logits[c + k] * (1 - du) + logits[d + k] * du) * dv;
          if (k && here[k] > here[best]) [second, best] = [here[best], k];
          else if (k && here[k] > second) second = here[k];
        }
        const lead = here[best] - second, deep = PALE + (DEEP - PALE) * (lead / (lead + SURE)), tint = tints[best];
        for (let k = 0; k < 3; k++) data[pixel + k] = back[k] + (tint[k] - back[k]) * deep;
        data[pixel + 3] = 255;
      }
    }
    this.brush.putImageData(this.image, 0, 0);
  }

  /**
   * Everything; returns whether the points still grow or shrink.
   * @param {Shown} shown
   * @param {Float32Array} weights of the scene's points
   * @param {{ flows: number[], weights: number[] } | undefined} reading of the chosen point
   * @param {boolean} still whether nothing should move by itself
   */
  paint(shown, weights, reading, still) {
    this.#fit();
    const { pen, canvas } = this, moving = this.#follow(weights, still);
    pen.imageSmoothingEnabled = true;
    pen.lineJoin = "round";
    pen.drawImage(this.fine, 0, 0, canvas.width, canvas.height);
    const order = [...shown.points.keys()].sort((a, b) => Number(shown.points[a].clean) - Number(shown.points[b].clean));
    for (const k of order) this.#point(shown, k);
    this.#numbers(shown);
    if (shown.chosen >= 0 && shown.points[shown.chosen]) this.#chosen(shown, reading);
    if (shown.cursor) this.#cross(shown.cursor, shown.ink);
    return moving;
  }

  /** @type {(weights: Float32Array, still: boolean) => boolean} */
  #follow(weights, still) {
    if (still || this.drawn?.length !== weights.length) this.drawn = weights.slice();
    let farthest = 0;
    for (let k = 0; k < weights.length; k++) {
      const rest = weights[k] - this.drawn[k];
      this.drawn[k] += Math.abs(rest) < 0.01 ? rest : 0.3 * rest;
      farthest = Math.max(farthest, Math.abs(weights[k] - this.drawn[k]));
    }
    return farthest > 0;
  }

  /** @type {(x: number, y: number) => [number, number]} */
  #pixel(x, y) {
    const { width } = this.canvas;
    return [((x + REACH) / (2 * REACH)) * width, ((REACH - y) / (2 * REACH)) * width];
  }

  /** @type {(k: number) => number} */
  #radius(k) {
    const weight = Math.min(LARGEST_WEIGHT, Math.max(0, this.drawn?.[k] ?? 1));
    return this.canvas.width * (SMALL + (LARGE - SMALL) * Math.sqrt(weight) * 0.75);
  }

  /** @type {(shown: Shown, k: number) => void} */
  #point(shown, k) {
    const { pen } = this, { x, y, truth, clean } = shown.points[k], label = shown.labels[k], wrong = label !== truth;
    const [u, v] = this.#pixel(x, y), size = this.canvas.width;
    const radius = Math.round((clean ? size * 0.02 : this.#radius(k)) / FINEST) * FINEST;
    const weight = clean ? 1 : Math.min(1, Math.max(0, this.drawn?.[k] ?? 1)), ring = wrong && !shown.hidden ? truth : label;
    const key = [clean, label, ring, radius, shown.ink].join(" ");
    const stamp = this.stamps.get(key) ?? stamped(shown, label, ring, clean, radius, size);
    this.stamps.set(key, stamp);
    pen.globalAlpha = FAINTEST + (1 - FAINTEST) * weight;
    pen.drawImage(stamp, Math.round(u - stamp.width / 2), Math.round(v - stamp.height / 2)); // sharp
    pen.globalAlpha = 1;
  }

  /** @type {(shown: Shown) => void} */
  #numbers({ points, numbers, ink, paper }) {
    if (!numbers.length) return; // a font is slow to set
    const { pen } = this, size = this.canvas.width;
    pen.font = `700 ${Math.round(size * 0.045)}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.lineWidth = size * 0.012;
    numbers.forEach((k, place) => {
      const [u, v] = this.#pixel(points[k].x, points[k].y);
      for (const [style, way] of /** @type {const} */ ([[paper, "strokeText"], [ink, "fillText"]])) {
        pen.strokeStyle = pen.fillStyle = style;
        pen[way](String(place + 1), u, v - size * 0.028);
      }
    });
  }

  /** The chosen point: a ring, and an arrow for each flow: out, the logit is pushed up; in, down. @type {(shown: Shown, reading: { flows: number[], weights: number[] } | undefined) => void} */
  #chosen(shown, reading) {
    const { pen } = this, { x, y } = shown.points[shown.chosen], size = this.canvas.width, [u, v] = this.#pixel(x, y);
    pen.lineWidth = size * 0.007;
    pen.strokeStyle = shown.ink;
    pen.beginPath();
    pen.arc(u, v, size * 0.032, 0, 2 * Math.PI);
    pen.stroke();
    reading?.flows.forEach((flow, c) => {
      const angle = -Math.PI / 2 + (2 * Math.PI * c) / CLASSES, push = -flow * reading.weights[c];
      for (const [length, alpha] of [[-flow, 0.3], [push, 1]]) {
        pen.globalAlpha = alpha;
        arrow(pen, u, v, angle, length * ARROW * size, size * 0.038, size * 0.013, shown.colors[c], shown.ink);
      }
      pen.globalAlpha = 1;
    });
  }

  /** @type {(place: [number, number], ink: string) => void} */
  #cross([x, y], ink) {
    const { pen } = this, size = this.canvas.width, [u, v] = this.#pixel(x, y), arm = size * 0.04;
    pen.lineWidth = size * 0.006;
    pen.strokeStyle = ink;
    pen.beginPath();
    for (const [du, dv] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(u + du * arm * 0.4, v + dv * arm * 0.4);
      pen.lineTo(u + du * arm, v + dv * arm);
    }
    pen.stroke();
  }
}

/** A point on a canvas of its own. @type {(shown: Shown, label: number, ring: number, clean: boolean, radius: number, size: number) => OffscreenCanvas} */
function stamped(shown, label, ring, clean, radius, size) {
  const edge = 2 * Math.ceil(1.6 * radius + size * 0.02), stamp = new OffscreenCanvas(edge, edge), middle = edge / 2;
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (stamp.getContext("2d"));
  pen.lineJoin = "round";
  outline(pen, clean ? "star" : label, middle, middle, radius);
  pen.fillStyle = shown.colors[label];
  pen.fill();
  pen.lineWidth = size * 0.0035;
  pen.strokeStyle = clean ? shown.ink : shown.paper;
  pen.stroke();
  if (ring !== label) {
    outline(pen, label, middle, middle, radius + size * 0.006);
    pen.lineWidth = size * 0.006;
    pen.strokeStyle = shown.colors[ring];
    pen.stroke();
  }
  return stamp;
}

/** @type {(pen: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, kind: number | "star", u: number, v: number, radius: number) => void} */
function outline(pen, kind, u, v, radius) {
  pen.beginPath();
  if (kind === 0) pen.arc(u, v, radius, 0, 2 * Math.PI);
  else if (kind === 1) pen.rect(u - 0.9 * radius, v - 0.9 * radius, 1.8 * radius, 1.8 * radius);
  else {
    const corners = kind === "star" ? 10 : 3, outer = kind === "star" ? 1.25 * radius : 1.3 * radius;
    for (let k = 0; k < corners; k++) {
      const angle = -Math.PI / 2 + (2 * Math.PI * k) / corners, far = kind === "star" && k % 2 ? 0.5 * outer : outer;
      pen.lineTo(u + far * Math.cos(angle), v + far * Math.sin(angle));
    }
    pen.closePath();
  }
}

/** From the ring outwards if the length is positive, towards it if it is negative. @type {(pen: CanvasRenderingContext2D, u: number, v: number, angle: number, length: number, ring: number, wide: number, color: string, edge: string) => void} */
function arrow(pen, u, v, angle, length, ring, wide, color, edge) {
  const far = Math.abs(length);
  if (far < wide / 4) return;
  const head = Math.min(far, 2.2 * wide), [from, to] = length > 0 ? [ring, ring + far] : [ring + far, ring];
  const neck = to - Math.sign(to - from) * head, [dx, dy] = [Math.cos(angle), Math.sin(angle)];
  const at = (/** @type {number} */ along, /** @type {number} */ across) => /** @type {[number, number]} */ (
    [u + dx * along - dy * across, v + dy * along + dx * across]);
  pen.beginPath();
  for (const [along, across] of [[from, wide / 2], [neck, wide / 2], [neck, 1.2 * wide], [to, 0], [neck, -1.2 * wide], [neck, -wide / 2], [from, -wide / 2]])
    pen.lineTo(...at(along, across));
  pen.closePath();
  pen.fillStyle = color;
  pen.fill();
  pen.lineWidth = wide / 5;
  pen.strokeStyle = edge;
  pen.stroke();
}
