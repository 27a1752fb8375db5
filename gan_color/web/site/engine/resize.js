// Antialiased bicubic resizing, as torch's interpolate does it (the kernel of Pillow's, a = -0.5).

const CUBIC = -0.5;

function kernel(x) {
  const t = Math.abs(x);
  if (t < 1) return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1;
  return t < 2 ? ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC : 0;
}

/** Where `large` positions read from `small` ones: {first, count, weights}, `count` weights each from position first[i]. */
export function taps(from, to) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const count = Math.min(from, Math.ceil(4 * stretch) + 2);
  const first = new Int32Array(to);
  const weights = new Float64Array(to * count);
  for (let i = 0; i < to; i += 1) {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(center - 2 * stretch + 0.5));
    const end = Math.min(from, Math.floor(center + 2 * stretch + 0.5));
    // All have `count` weights; those beyond the end are 0.
    first[i] = Math.min(start, from - count);
    let sum = 0;
    for (let j = start; j < end; j += 1) sum += weights[i * count + j - first[i]] = kernel((j + 0.5 - center) / stretch);
    for (let j = 0; j < count; j += 1) weights[i * count + j] /= sum;
  }
  return { first, count, weights };
}

/** Columns of a plane {data, width, height}, read at data[offset + step * i], brought to another width. */
export function resizeColumns({ data, width, height }, to, finish = (v) => v, step = 1, offset = 0) {
  const { first, count, weights } = taps(width, to);
  const out = new Float32Array(to * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < to; x += 1) {
      let sum = 0;
      const start = (y * width + first[x]) * step + offset;
      for (let j = 0; j < count; j += 1) sum += weights[x * count + j] * data[start + j * step];
      out[y * to + x] = finish(sum);
    }
  }
  return { data: out, width: to, height };
}

function resizeRows({ data, width, height }, to, finish) {
  const { first, count, weights } = taps(height, to);
  const out = new Float32Array(width * to);
  const sums = new Float64Array(width);
  for (let y = 0; y < to; y += 1) {
    sums.fill(0);
    for (let j = 0; j < count; j += 1) {
      const weight = weights[y * count + j];
      if (weight === 0) continue;
      const start = (first[y] + j) * width;
      for (let x = 0; x < width; x += 1) sums[x] += weight * data[start + x];
    }
    for (let x = 0; x < width; x += 1) out[y * width + x] = finish(sums[x]);
  }
  return { data: out, width, height: to };
}

/** A plane {data, width, height} at another size. */
export const resize = (plane, width, height) => resizeRows(resizeColumns(plane, width), height, (v) => v);

/** Three planes of 8-bit values of an image {data (RGBA), width, height} at another size, rounded after each step. */
export function resizeRgb(image, width, height) {
  const round = (v) => Math.max(0, Math.min(255, Math.round(v)));
  return [0, 1, 2].map((channel) => resizeRows(resizeColumns(image, width, round, 4, channel), height, round).data);
}

/** Python's round, and torch's. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/** A plane at a smaller size: the mean of the pixels that each position covers, wholly or in part. */
export function mean(plane, width, height) {
  const data = new Float32Array(width * height);
  const span = (i, from, to) => [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)];
  for (let y = 0; y < height; y += 1) {
    const [top, bottom] = span(y, plane.height, height);
    for (let x = 0; x < width; x += 1) {
      const [left, right] = span(x, plane.width, width);
      let sum = 0;
      for (let row = top; row < bottom; row += 1) {
        for (let column = left; column < right; column += 1) sum += plane.data[row * plane.width + column];
      }
      data[y * width + x] = sum / ((bottom - top) * (right - left));
    }
  }
  return { data, width, height };
}

/** [first, second, share of the second]: the two of `from` pixels whose centers are around that of pixel i of `to`. */
export function between(i, from, to) {
  const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
  const first = Math.min(from - 1, Math.floor(at));
  return [first, Math.min(from - 1, first + 1), at - first];
}

/** A plane at a larger size, by straight lines between its pixels' centers. */
export function bilinear(plane, width, height) {
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const [top, bottom, down] = between(y, plane.height, height);
    for (let x = 0; x < width; x += 1) {
      const [left, right, along] = between(x, plane.width, width);
      const mixed = (row) => (1 - along) * plane.data[row * plane.width + left] + along * plane.data[row * plane.width + right];
      data[y * width + x] = (1 - down) * mixed(top) + down * mixed(bottom);
    }
  }
  return { data, width, height };
}
