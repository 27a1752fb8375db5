// What a photo's colors are to be overall: gan_color.inference.palette and palette_match in a browser.
import { chroma } from "./color.js";
import { resizeRgb } from "./resize.js";

const SEEN_SIDE = 64; // pixels of a reference's shorter side
const NEUTRAL = 2 / 110; // mean chroma below which a photo has no colors to give
const CHROMA_SCALE = 10;
const [GRID_LIMIT, GRID_STEP, GRID_SIDE] = [110, 10, 23];
export const MOST = 2.75; // factor of a pixel's chroma, and power of it: at most, and 1 / MOST at least
export const MOST_OF_VARIANTS = 1.6; // a like photograph's colors, where this one need not have them all
const FAINT = 0.2 / 110; // chroma beside which nothing is to be divided
const TINY = 1e-9; // instead of a 0 to divide by
const RIDGE = 1e-5; // square of a third of a*, b*: hues that are not there have a limit

const bounded = (factor, most) => Math.max(1 / most, Math.min(most, factor));
const determinant = ([p, q, r]) => p * r - q * q;

/** The share of each of `count` bins in lists of a and b; binOf: the bin of each point of the grid of a* and b*. */
export function binShares([a, b], binOf, count) {
  const cell = (value) => Math.max(0, Math.min(GRID_SIDE - 1, Math.round((value * 110 + GRID_LIMIT) / GRID_STEP)));
  const shares = new Float64Array(count);
  a.forEach((value, i) => (shares[binOf[cell(value) * GRID_SIDE + cell(b[i])]] += 1 / a.length));
  return shares;
}

/** The input hint_palette of bins' shares and a mean chroma: roots of the shares, known, chroma, known. */
export const paletteOf = (shares, meanChroma) => Float32Array.of(...shares.map(Math.sqrt), 1, CHROMA_SCALE * meanChroma, 1);

/** That of a reference photo {data (RGBA), width, height}. */
export function referencePalette(photo, binOf, size, sizeAt) {
  const [r, g, b] = resizeRgb(photo, ...sizeAt(photo, SEEN_SIDE));
  const colors = Array.from(r, (value, i) => chroma(value, g[i], b[i]));
  const total = colors.reduce((sum, color) => sum + Math.hypot(...color), 0) / colors.length;
  if (total < NEUTRAL) throw new Error("The other photo is gray. Choose one with colors.");
  const planes = [0, 1].map((channel) => colors.map((color) => color[channel]));
  return paletteOf(binShares(planes, binOf, size - 3), total);
}

/** [p, q, r], the symmetric matrix (p q; q r) that gives planes a and b the second moments `wanted`, and changes least. */
function alongHues(a, b, wanted, most) {
  const n = a.length;
  const has = [RIDGE, 0, RIDGE];
  a.forEach((value, i) => {
    has[0] += (value * value) / n;
    has[1] += (value * b[i]) / n;
    has[2] += (b[i] * b[i]) / n;
  });
  const inverse = [has[2], -has[1], has[0]].map((value) => value / determinant(has));
  const [ours, theirs] = [inverse, wanted].map((matrix) => Math.sqrt(determinant(matrix)));
  const mixed = inverse.map((value, i) => value / ours + wanted[i] / theirs);
  const scale = Math.sqrt((ours * theirs) / determinant(mixed));
  const [p, q, r] = mixed.map((value) => value * scale);
  const [middle, apart] = [(p + r) / 2, Math.hypot((p - r) / 2, q)];
  const [high, low] = [bounded(middle + apart, most), bounded(middle - apart, most)];
  const turn = apart > 0 ? (high - low) / (2 * apart) : 0;
  return [(high + low) / 2 + turn * (p - middle), turn * q, (high + low) / 2 + turn * (r - middle)];
}

/**
 * The planes [a, b], changed as far as `most` allows so that they have what the input hint_palette says; as they are where
 * it says nothing. bins: [a*, b*] of each.
 */
export function matchPalette(planes, palette, bins, most = MOST) {
  const [known, chromaTold, chromaKnown] = palette.slice(-3);
  if (!chromaKnown) return planes;
  let [a, b] = planes.map((plane) => plane.data);
  const mean = (value) => a.reduce((sum, _, i) => sum + value(i), 0) / a.length;
  const wanted = chromaTold / CHROMA_SCALE;
  const before = a.map((value, i) => Math.max(TINY, Math.hypot(value, b[i])));
  const overBins = (value) => bins.reduce((sum, bin, i) => sum + value(bin[0] / 110, bin[1] / 110) * palette[i] ** 2, 0);
  const counted = overBins(Math.hypot);
  let power = 1;
  if (known && counted > wanted / 2) {
    const scale = wanted / counted;
    const moments = [(x) => x * x, (x, y) => x * y, (_, y) => y * y].map((moment) => scale * scale * overBins(moment));
    const [p, q, r] = alongHues(a, b, [moments[0] + RIDGE, moments[1], moments[2] + RIDGE], most);
    const [oldA, oldB] = [a, b];
    a = oldA.map((value, i) => p * value + q * oldB[i]);
    b = oldB.map((value, i) => q * oldA[i] + r * value);
    const found = mean((i) => Math.hypot(a[i], b[i]));
    const deviation = Math.sqrt(overBins((x, y) => (scale * Math.hypot(x, y) - wanted) ** 2));
    const spread = Math.sqrt((mean((i) => (Math.hypot(a[i], b[i]) - found) ** 2) * a.length) / (a.length - 1));
    power = bounded(((deviation / wanted) * found) / Math.max(spread, FAINT), most);
  }
  const chromaAt = (i) => Math.max(FAINT, Math.hypot(a[i], b[i]));
  const middle = mean(chromaAt);
  const curve = a.map((_, i) => (chromaAt(i) / middle) ** (power - 1));
  const reach = wanted / Math.max(FAINT, mean((i) => curve[i] * Math.hypot(a[i], b[i])));
  const factors = curve.map((value, i) => {
    const grown = Math.max(TINY, (Math.hypot(a[i], b[i]) * value * reach) / before[i]);
    return (value * reach * bounded(grown, most)) / grown;
  });
  return planes.map((plane, channel) => ({ ...plane, data: [a, b][channel].map((value, i) => value * factors[i]) }));
}
