// A person's colors for points of a photo: gan_color.inference.hints in a browser.
import { chroma, lightness } from "./color.js";
import { fitCoefficients } from "./guided_upsample.js";
import { spreadHints } from "./hint_spread.js";
import { taps } from "./resize.js";

const PATCH = 1; // pixels of the render size around a point that the model is told, on each side
const REACH = 0.03; // standard deviation of what is laid around a point, as a share of the shorter side
const ALIKE = 0.12; // of L, at which it counts exp(-1/2)
const RIDGE = 1e-3; // keeps points that lie within one pixel of the render size from fighting
const ROUNDS = 6;
const CLOSE = 0.3 / 110;

const colorOf = (hex) => chroma(...[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
const empty = ({ width, height }) => ({ data: new Float32Array(width * height), width, height });

/** What a model is told where nothing is known, at the size of L. */
export const noHints = (L) => ({ ab: [empty(L), empty(L)], mask: empty(L) });

/** What a model is told of points {x, y, color} of a photo that it sees at the size of L. */
export function renderHints(points, photo, L) {
  const hints = noHints(L);
  for (const reach of [PATCH, 0]) { // a patch never covers another point's own pixel
    for (const point of points) {
      const [a, b] = colorOf(point.color);
      const { x: px, y: py } = smallPlace(point, photo, L);
      for (let y = Math.max(0, py - reach); y <= Math.min(L.height - 1, py + reach); y += 1) {
        for (let x = Math.max(0, px - reach); x <= Math.min(L.width - 1, px + reach); x += 1) {
          const at = y * L.width + x;
          [hints.ab[0].data[at], hints.ab[1].data[at], hints.mask.data[at]] = [a, b, 1];
        }
      }
    }
  }
  return hints;
}

/** Coefficients as fitCoefficients gives them, under which the points have their colors after a factor of `gain`. */
export function fitToHints(ab, L, middle, points, photo, gain) {
  const own = [...new Map(points.map((point) => [`${point.x},${point.y}`, point])).values()]; // of two for one pixel the later
  const [columns, rows] = [taps(L.width, photo.width), taps(L.height, photo.height)];
  const read = ({ data }, { x, y }) => {
    let sum = 0;
    for (let j = 0; j < rows.count; j += 1) {
      for (let i = 0; i < columns.count; i += 1) {
        sum += rows.weights[y * rows.count + j] * columns.weights[x * columns.count + i]
          * data[(rows.first[y] + j) * L.width + columns.first[x] + i];
      }
    }
    return sum;
  };
  const light = own.map(({ x, y }) => lightness(...photo.data.subarray(4 * (y * photo.width + x), 4 * (y * photo.width + x) + 3)));
  const bumps = own.map((point) => bump(point, photo, L));
  const seen = own.map((point) => bumps.map((each) => read(each, point))); // [i][j]: of bump j at point i
  const inverse = ridgeInverse(seen);
  const missing = (channel, { slope, offset }) =>
    own.map((point, i) => wanted[channel][i] - (read(slope, point) * light[i] + read(offset, point)));
  const lay = (plane, gaps) => {
    // gaps seen (seen seen' + ridge)^-1, as a row
    const amplitudes = inverse.map((row) => row.reduce((sum, value, i) => sum + value * gaps[i], 0));
    const weights = bumps.map((_, j) => seen.reduce((sum, row, i) => sum + row[j] * amplitudes[i], 0));
    return { ...plane, data: plane.data.map((value, at) => bumps.reduce((sum, { data }, j) => sum + weights[j] * data[at], value)) };
  };
  const wanted = [0, 1].map((channel) => own.map(({ color }) => colorOf(color)[channel] / gain));
  let planes = spreadHints(ab, L, own.map((point) => smallPlace(point, photo, L)), wanted);
  for (let round = 0; ; round += 1) {
    const coefficients = fitCoefficients(planes, L, middle);
    const gaps = coefficients.map((each, channel) => missing(channel, each));
    if (Math.max(...gaps.flat().map(Math.abs)) < CLOSE) return coefficients;
    // The last one: a detail that the render size does not show, then without regard to edges within its pixels.
    if (round === ROUNDS) return coefficients.map(({ slope, offset }, i) => ({ slope, offset: lay(offset, gaps[i]) }));
    planes = planes.map((plane, i) => lay(plane, gaps[i]));
  }
}

/** {x, y} of a point of a photo at the size of L. */
const smallPlace = ({ x, y }, photo, L) => ({ x: Math.floor((x * L.width) / photo.width), y: Math.floor((y * L.height) / photo.height) });

/** How far each pixel of the render size goes with a point. */
function bump(point, photo, L) {
  const { x: px, y: py } = smallPlace(point, photo, L);
  const reach = Math.max(1, REACH * Math.min(L.width, L.height));
  const there = L.data[py * L.width + px];
  const data = L.data.map((value, i) => {
    const [x, y] = [i % L.width, Math.floor(i / L.width)];
    return Math.exp(-0.5 * (((x - px) ** 2 + (y - py) ** 2) / reach ** 2 + ((value - there) / ALIKE) ** 2));
  });
  return { data, width: L.width, height: L.height };
}

/** (A A' + RIDGE)^-1 by Gauss and Jordan; it is positive definite, so that no pivot is 0. */
function ridgeInverse(A) {
  const n = A.length;
  const rows = A.map((row, i) => [
    ...A.map((other, j) => row.reduce((sum, value, k) => sum + value * other[k], i === j ? RIDGE : 0)),
    ...A.map((_, j) => Number(i === j)),
  ]);
  for (let i = 0; i < n; i += 1) {
    const pivot = rows[i][i];
    rows[i] = rows[i].map((value) => value / pivot);
    for (let k = 0; k < n; k += 1) {
      if (k === i) continue;
      const factor = rows[k][i];
      rows[k] = rows[k].map((value, j) => value - factor * rows[i][j]);
    }
  }
  return rows.map((row) => row.slice(n));
}
