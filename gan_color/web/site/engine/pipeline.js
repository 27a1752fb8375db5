// Pixels in, pixels out: gan_color.inference.pipeline in a browser. Nothing here knows a page or a runtime.
import { chroma, lightness, writeRgb } from "./color.js";
import { fitCoefficients, forEachRow } from "./guided_upsample.js";
import { HEARD } from "./hint_spread.js";
import { fitToHints, noHints, renderHints } from "./hints.js";
import { MOST, MOST_OF_VARIANTS, matchPalette } from "./palette.js";
import { resizeRgb, roundHalfEven } from "./resize.js";
import { variantPalette } from "./variants.js";

const MIDDLE = 2; // back-projection looks at this many times the render size
const RIM = 2; // pixels of the render size, which convolutions darken or saturate

/** [width, height] with a shorter side of so many pixels; the photo's own where that is less. */
export function sizeAt({ width, height }, shorter) {
  const ratio = Math.min(1, shorter / Math.min(width, height));
  return [width, height].map((side) => Math.max(1, roundHalfEven(side * ratio)));
}

function lightnessAt(image, width, height) {
  const [r, g, b] = resizeRgb(image, width, height);
  return { data: Float32Array.from(r, (value, i) => lightness(value, g[i], b[i])), width, height };
}

/** A plane with its last row and column repeated until `stride` divides its sides. */
function pad(plane, stride, fill) {
  const [width, height] = [plane.width, plane.height].map((side) => Math.ceil(side / stride) * stride);
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const inside = x < plane.width && y < plane.height;
      const from = Math.min(y, plane.height - 1) * plane.width + Math.min(x, plane.width - 1);
      data[y * width + x] = inside || fill === undefined ? plane.data[from] : fill;
    }
  }
  return { data, width, height };
}

/** {ab: the planes a and b at the render size, as the model gives them; content: what its variants go by}. */
async function predict(model, L, hints) {
  const padded = pad(L, model.stride);
  const { width, height } = padded;
  const join = (planes) => {
    const data = new Float32Array(planes.length * width * height);
    planes.forEach((plane, i) => data.set(pad(plane, model.stride, 0).data, i * width * height));
    return data;
  };
  const { ab: answer, content } = await model.run({
    L: [padded.data, [1, 1, height, width]],
    ...(model.hints ? {
      hint_ab: [join(hints.ab), [1, 2, height, width]],
      hint_mask: [join([hints.mask]), [1, 1, height, width]],
    } : {}),
    ...(model.palette ? { hint_palette: [hints.palette, [1, hints.palette.length]] } : {}),
  });
  if (!answer.every(Number.isFinite)) throw new Error("The model gave colors that are no numbers. Reload the page, then try again.");
  const ab = [0, 1].map((channel) => {
    const data = new Float32Array(L.width * L.height);
    for (let y = 0; y < L.height; y += 1) {
      for (let x = 0; x < L.width; x += 1) data[y * L.width + x] = answer[(channel * height + y) * width + x];
    }
    return { data, width: L.width, height: L.height };
  });
  return { ab, content };
}

/** The pixels along the rim of a plane like those next to it. */
function withoutRim({ data, width, height }) {
  const rim = width > 2 * RIM + 1 && height > 2 * RIM + 1 ? RIM : 0;
  const inside = (at, side) => Math.max(rim, Math.min(side - 1 - rim, at));
  return { data: data.map((_, i) => data[inside(Math.floor(i / width), height) * width + inside(i % width, width)]), width, height };
}

/**
 * Colorize an image {data (RGBA, 8 bit), width, height} in place.
 *
 * model: of openModel.
 * options: {render, saturation, strength, points: [{x, y, color}] in pixels, palette: Float32Array or null, variant: 0 or
 * the number of another answer, bins: [a*, b*] of each share of a palette, binOf: the bin of each point of the grid of a*
 * and b*, kept(y) -> shares of row y that stay as they are, or null}.
 */
export async function colorize(image, model, { render, saturation, strength, points, palette, variant, bins, binOf, kept }) {
  const { data, width, height } = image;
  const L = lightnessAt(image, ...sizeAt(image, render));
  const told = points.length ? renderHints(points, image, L) : noHints(L);
  const ask = async (hints, like) => {
    const { ab, content } = await predict(model, L, { ...hints, palette: like });
    return { ab: matchPalette(ab, like, bins, variant ? MOST_OF_VARIANTS : MOST), content };
  };
  const answerTo = async (like) => {
    const { ab, content } = await ask(told, like);
    if (!points.length || !model.palette) return { ab, content };
    const { ab: untold } = await ask(noHints(L), like);
    const mixed = (plane, i) => plane.data.map((value, at) => HEARD * value + (1 - HEARD) * untold[i].data[at]);
    return { ab: ab.map((plane, i) => ({ ...plane, data: mixed(plane, i) })), content };
  };
  let answer = await answerTo(palette ?? new Float32Array(model.palette));
  if (variant) answer = await answerTo(variantPalette(model.bank, answer.content, answer.ab, variant, bins, binOf));
  const ab = answer.ab.map(withoutRim);
  const middle = lightnessAt(image, Math.min(MIDDLE * L.width, width), Math.min(MIDDLE * L.height, height));
  const [a, b] = points.length && saturation
    ? fitToHints(ab, L, middle, points, image, saturation)
    : fitCoefficients(ab, L, middle);
  const bound = (value) => Math.max(-1, Math.min(1, value));
  forEachRow([a.slope, a.offset, b.slope, b.offset], width, height, (y, [slopeA, offsetA, slopeB, offsetB]) => {
    const shares = kept?.(y);
    for (let x = 0; x < width; x += 1) {
      const share = shares ? shares[x] : 0;
      if (share === 1) continue;
      const at = 4 * (y * width + x);
      const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
      const light = lightness(red, green, blue);
      let newA = bound(bound(slopeA[x] * light + offsetA[x]) * saturation);
      let newB = bound(bound(slopeB[x] * light + offsetB[x]) * saturation);
      if (strength < 1) {
        const [ownA, ownB] = chroma(red, green, blue);
        newA = ownA + strength * (newA - ownA);
        newB = ownB + strength * (newB - ownB);
      }
      writeRgb(light, newA, newB, data, at);
      if (share > 0) [red, green, blue].forEach((own, i) => (data[at + i] = own * share + data[at + i] * (1 - share)));
    }
  });
}
