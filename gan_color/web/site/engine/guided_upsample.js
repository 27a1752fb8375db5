// Chroma from the render size to the photo's, along the edges of its lightness: gan_color.inference.guided_upsample.
import { resize, resizeColumns, taps } from "./resize.js";

const EPSILON = 100 / 50 ** 2;
const STEPS = 2;

const like = ({ width, height }, data) => ({ data, width, height });

/** A plane of value(i) for each of its pixels: a loop, several times as fast as Float32Array.from. */
function combine(plane, value) {
  const out = new Float32Array(plane.data.length);
  for (let i = 0; i < out.length; i += 1) out[i] = value(i);
  return like(plane, out);
}

/** Mean of each window of 3 x 3 pixels; the edge repeats. */
function box(plane) {
  const { data, width, height } = plane;
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y += 1) {
    const rows = [Math.max(0, y - 1), y, Math.min(height - 1, y + 1)].map((row) => row * width);
    for (let x = 0; x < width; x += 1) {
      const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)];
      let sum = 0;
      for (const row of rows) sum += data[row + left] + data[row + x] + data[row + right];
      out[y * width + x] = sum / 9;
    }
  }
  return like(plane, out);
}

const product = (one, other) => combine(one, (i) => one.data[i] * other.data[i]);

/**
 * {slope, offset} of each plane of `ab` in L, all of them planes at the render size; `middle` is the same photo's L at a
 * larger one.
 */
export function fitCoefficients(ab, L, middle) {
  const meanL = box(L);
  const squares = box(product(L, L)).data;
  return ab.map((plane) => {
    const mean = box(plane);
    const products = box(product(L, plane)).data;
    const raw = combine(L, (i) => (products[i] - meanL.data[i] * mean.data[i])
      / (squares[i] - meanL.data[i] ** 2 + EPSILON));
    let offset = box(combine(L, (i) => mean.data[i] - raw.data[i] * meanL.data[i]));
    const slope = box(raw);
    const edges = product(resize(slope, middle.width, middle.height), middle);
    for (let step = 0; step < STEPS; step += 1) {
      const large = resize(offset, middle.width, middle.height);
      const again = resize(combine(large, (i) => edges.data[i] + large.data[i]), L.width, L.height);
      const before = offset;
      offset = combine(before, (i) => before.data[i] + plane.data[i] - again.data[i]);
    }
    return { slope, offset };
  });
}

/** Calls visit(row, planes) for each row of a photo of width x height: the planes' values there, enlarged. */
export function forEachRow(planes, width, height, visit) {
  const wide = planes.map((plane) => resizeColumns(plane, width).data);
  const { first, count, weights } = taps(planes[0].height, height);
  const row = planes.map(() => new Float32Array(width));
  for (let y = 0; y < height; y += 1) {
    row.forEach((values, i) => {
      values.fill(0);
      for (let j = 0; j < count; j += 1) {
        const weight = weights[y * count + j];
        if (weight === 0) continue;
        const start = (first[y] + j) * width;
        for (let x = 0; x < width; x += 1) values[x] += weight * wide[i][start + x];
      }
    });
    visit(y, row);
  }
}
