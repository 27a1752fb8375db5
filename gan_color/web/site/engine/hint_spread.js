// How far a hinted color goes along the photo's lightness: gan_color.inference.hint_spread in a browser.
import { bilinear, mean, roundHalfEven } from "./resize.js";

const GRID = 96;
const STEEP = 4;
const REACH = 0.6;
const WHOLE = 0.1;
export const HEARD = 0.3;
const NOISE = 0.1;
const STEPS = [[0, 1], [1, 0], [1, 1], [1, -1], [0, -1], [-1, 0], [-1, -1], [-1, 1]];
const [SWEEPS, DIAGONAL] = [50, 1e-12];

/** The planes of `ab`, drawn towards the colors wanted (wanted[channel][point]) of pixels {x, y}, as far as L is alike. */
export function spreadHints(ab, L, pixels, wanted) {
  const scale = Math.min(1, GRID / Math.min(L.width, L.height));
  const [width, height] = [L.width, L.height].map((side) => Math.max(2, roundHalfEven(scale * side)));
  const coarse = mean(L, width, height);
  const nodes = pixels.map(({ x, y }) => Math.floor((y * height) / L.height) * width + Math.floor((x * width) / L.width));
  const whole = WHOLE * (1 - 1 / nodes.length);
  const alike = nodes.map((node) => ways(coarse, node).map((way) => whole + (1 - whole) * (1 + way / REACH) * Math.exp(-way / REACH)));
  const inverse = inverseOf(alike.map((row) => nodes.map((node) => row[node])));
  return ab.map((plane, channel) => {
    const missing = pixels.map(({ x, y }, i) => wanted[channel][i] - plane.data[y * L.width + x]);
    const amplitudes = inverse.map((row) => row.reduce((sum, value, i) => sum + value * missing[i], 0));
    const data = new Float32Array(width * height);
    alike.forEach((row, i) => row.forEach((value, at) => (data[at] += amplitudes[i] * value)));
    const change = bilinear({ data, width, height }, L.width, L.height).data;
    return { ...plane, data: plane.data.map((value, at) => value + change[at]) };
  });
}

/** The cheapest way from a cell to each (Dijkstra): a step costs its length and its change of lightness. */
function ways({ data, width, height }, from) {
  const found = new Float64Array(data.length).fill(Infinity);
  const heap = [[0, from]];
  found[from] = 0;
  while (heap.length) {
    const [way, cell] = takeLeast(heap);
    if (way > found[cell]) continue;
    const [row, column] = [Math.floor(cell / width), cell % width];
    for (const [down, right] of STEPS) {
      const [y, x] = [row + down, column + right];
      if (y < 0 || x < 0 || y >= height || x >= width) continue;
      const other = y * width + x;
      const length = Math.hypot(down, right) / Math.min(height, width);
      const longer = way + Math.hypot(length, STEEP * (data[cell] - data[other]));
      if (longer < found[other]) {
        found[other] = longer;
        put(heap, [longer, other]);
      }
    }
  }
  return found;
}

function put(heap, item) {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[above][0] <= item[0]) break;
    heap[at] = heap[above];
    at = above;
  }
  heap[at] = item;
}

function takeLeast(heap) {
  const [least] = heap;
  const item = heap.pop();
  if (heap.length === 0) return least;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && heap[below + 1][0] < heap[below][0]) below += 1;
    if (heap[below][0] >= item[0]) break;
    heap[at] = heap[below];
    at = below;
  }
  heap[at] = item;
  return least;
}

/** Of a covariance with its noise, without directions of a negative variance: its eigenvectors, by Jacobi's rotations. */
function inverseOf(covariance) {
  const n = covariance.length;
  const A = covariance.map((row, i) => row.map((value, j) => (value + covariance[j][i]) / 2));
  const V = A.map((row, i) => row.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    let beside = 0;
    for (let p = 0; p < n; p += 1) {
      for (let q = p + 1; q < n; q += 1) {
        beside += Math.abs(A[p][q]);
        if (A[p][q] !== 0) rotate(A, V, p, q);
      }
    }
    if (beside < DIAGONAL) break;
  }
  const weights = A.map((row, i) => 1 / (Math.max(0, row[i]) + NOISE));
  return V.map((row) => V.map((other) => row.reduce((sum, value, k) => sum + value * weights[k] * other[k], 0)));
}

function rotate(A, V, p, q) {
  const theta = (A[q][q] - A[p][p]) / (2 * A[p][q]);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  const turn = (row, i, j) => ([row[i], row[j]] = [c * row[i] - s * row[j], s * row[i] + c * row[j]]);
  for (const row of [...A, ...V]) turn(row, p, q);
  const [first, second] = [A[p], A[q]];
  A[p] = first.map((value, k) => c * value - s * second[k]);
  A[q] = first.map((value, k) => s * value + c * second[k]);
}
