// Several plausible answers, told other palettes: gan_color.inference.variants in a browser.
import { binShares, paletteOf } from "./palette.js";

const SHARE = 0.8; // of the other photos' palette; the rest is the model's own
const QUARTER = 4; // pixels a side whose mean is one color

/**
 * The input hint_palette of answer `number`, from 1. bank: {contents, shares} of the model's palettes; content: what the
 * model makes of the photo's; planes [a, b]: its own answer; bins: [a*, b*] of each, binOf: that of each point of the grid.
 */
export function variantPalette(bank, content, planes, number, bins, binOf) {
  const own = binShares(planes.map(quarter), binOf, bins.length);
  const candidates = bank.shares[nearest(bank.contents, content)];
  const chosen = candidates[byUnlikeness(own, candidates)[number - 1]];
  if (!chosen) throw new Error(`Found answer ${number}, expected 1 to ${candidates.length}: this model has no more.`);
  const mixed = own.map((value, i) => SHARE * chosen[i] + (1 - SHARE) * value);
  return paletteOf(mixed, mixed.reduce((sum, value, i) => sum + value * Math.hypot(...bins[i]), 0) / 110);
}

/** The values of a plane in squares of QUARTER pixels a side, each square's mean. */
function quarter({ data, width, height }) {
  const [columns, rows] = [width, height].map((side) => Math.floor(side / QUARTER));
  return Float32Array.from({ length: columns * rows }, (_, at) => {
    const first = QUARTER * (Math.floor(at / columns) * width + (at % columns));
    let sum = 0;
    for (let i = 0; i < QUARTER ** 2; i += 1) sum += data[first + Math.floor(i / QUARTER) * width + (i % QUARTER)];
    return sum / QUARTER ** 2;
  });
}

/** Which of `contents` is nearest to `content`, by the cosine. */
function nearest(contents, content) {
  const likeness = contents.map((each) => each.reduce((sum, value, i) => sum + value * content[i], 0) / Math.hypot(...each));
  return likeness.indexOf(Math.max(...likeness));
}

/** Places of palettes: each time the one farthest from all that came before, `expected` first. */
function byUnlikeness(expected, candidates) {
  const roots = [expected, ...candidates].map((shares) => shares.map(Math.sqrt));
  const distance = (one, other) => Math.hypot(...one.map((value, i) => value - other[i]));
  const order = [];
  let far = candidates.map((_, i) => distance(roots[0], roots[i + 1]));
  for (let step = 0; step < candidates.length; step += 1) {
    const place = far.indexOf(Math.max(...far));
    order.push(place);
    far = far.map((value, i) => (order.includes(i) ? -1 : Math.min(value, distance(roots[place + 1], roots[i + 1]))));
  }
  return order;
}
