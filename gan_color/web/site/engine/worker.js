// Everything heavy, beside the page: it answers {id, photo, name, options} with {id, answer} or {id, error}.
import { keptRows } from "./keep.js";
import { decode, encode } from "./pixels.js";
import { colorize, sizeAt } from "./pipeline.js";
import { openModel } from "./session.js";
import { referencePalette } from "./palette.js";

const SITE = new URL("../../", import.meta.url);
let site;
let opened;

async function prepare(described) {
  site = described;
  opened ??= openModel(site.models[0], SITE);
  const { provider } = await opened;
  return { provider };
}

async function answer(photo, name, options) {
  const { limits, bins, bin_of: binOf } = site;
  const model = await opened;
  const named = (what, error) => new Error(`${what}: ${error.message}`);
  const image = await decode(photo, limits.pixels).catch((error) => { throw named(name, error); });
  const render = Number(options.render ?? 256);
  const [width, height] = sizeAt(image, render);
  if (width * height > 2 * limits.render ** 2) {
    throw new Error(`${name}: found ${image.width} x ${image.height} pixels, too long a strip. Crop it, or lower the render size.`);
  }
  const palette = options.reference
    ? await decode(options.reference, limits.pixels)
      .then((reference) => referencePalette(reference, binOf, model.palette, sizeAt))
      .catch((error) => { throw named(options.reference.name, error); })
    : null;
  await colorize(image, model, {
    render,
    saturation: Number(options.saturation ?? 1),
    strength: Number(options.strength ?? 1),
    points: JSON.parse(options.hints ?? "[]"),
    palette,
    variant: Number(options.variant ?? 0),
    bins,
    binOf,
    kept: options.keep ? keptRows(await decode(options.keep, limits.pixels), image.width, image.height) : null,
  });
  return { width: image.width, height: image.height, after: await encode(image, options.format) };
}

self.onmessage = async ({ data: { id, describe, photo, name, options } }) => {
  try {
    const done = describe ? await prepare(describe) : await answer(photo, name, options);
    self.postMessage({ id, answer: done });
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
};
