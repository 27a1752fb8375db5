// A photo as this tab keeps it: the file, a smaller copy for quick answers, and what it looks like.
import { KEEPS_16_BITS } from "./api.js";

const SMALL_SIDE = 1600; // pixels; the server answers this within a second, the whole file on download
const SEEN_SIDE = 96; // pixels that kindOf looks at

const PNG_HEAD = [137, 80, 78, 71, 13, 10, 26, 10];
const PNG_DEPTH = 24; // where a PNG's header has the bits of a channel

/**
 * {file, small, size, smallSize, kind, deep}; deep: whether it is a PNG of 16 bits a channel. Sizes are [width, height] of file and small, null where this browser cannot
 * decode: HEIC, TIFF. The server reads those, and its answers have their sizes.
 */
export async function openPhoto(file) {
  const deep = await isDeep(file);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { file, small: file, size: null, smallSize: null, kind: "photo", deep };
  }
  const size = [bitmap.width, bitmap.height];
  const kind = kindOf(draw(bitmap, ...reduced(size, SEEN_SIDE)));
  const smallSize = reduced(size, SMALL_SIDE);
  let small = file;
  if (smallSize[0] < size[0]) {
    small = await draw(bitmap, ...smallSize).convertToBlob({ type: "image/jpeg", quality: 0.95 });
  }
  bitmap.close();
  return { file, small, size, smallSize, kind, deep };
}

/** A size whose longer side is at most `side`. */
function reduced(size, side) {
  const scale = Math.min(1, side / Math.max(...size));
  return size.map((each) => Math.max(1, Math.round(each * scale)));
}

async function isDeep(file) {
  const head = new Uint8Array(await file.slice(0, PNG_DEPTH + 1).arrayBuffer());
  return PNG_HEAD.every((value, i) => head[i] === value) && head[PNG_DEPTH] === 16;
}

/** The kind of a photo that this browser cannot decode, by what the server made of it: an address of an image. */
export async function kindAt(address) {
  const image = Object.assign(new Image(), { src: address });
  await image.decode();
  return kindOf(draw(image, ...reduced([image.naturalWidth, image.naturalHeight], SEEN_SIDE)));
}

function draw(bitmap, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

/** "photo", "colored" or "drawing", by its pixels: a guess that is only told. */
function kindOf(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = Array.from({ length: data.length / 4 }, (_, i) => data.subarray(4 * i, 4 * i + 3));
  const light = pixels.map(([red, green, blue]) => 0.3 * red + 0.59 * green + 0.11 * blue);
  const redGreen = pixels.map(([red, green]) => red - green);
  const yellowBlue = pixels.map(([red, green, blue]) => (red + green) / 2 - blue);
  // Toned paper, such as sepia, is colored too, but all of it by how light it is.
  if (unexplained(redGreen, light) > 6 && unexplained(yellowBlue, light) > 8) return "colored";
  const share = (test) => light.filter(test).length / light.length;
  return share((value) => value > 235) > 0.6 && share((value) => value > 60 && value < 200) < 0.15 ? "drawing" : "photo";
}

/** The standard deviation of `values` that no line in `by` explains. */
function unexplained(values, by) {
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [meanValue, meanBy] = [mean(values), mean(by)];
  const covariance = mean(values.map((value, i) => (value - meanValue) * (by[i] - meanBy)));
  const variance = mean(by.map((value) => (value - meanBy) ** 2));
  const whole = mean(values.map((value) => (value - meanValue) ** 2));
  return Math.sqrt(Math.max(0, whole - covariance ** 2 / Math.max(variance, 1e-9)));
}

const NOTES = {
  photo: "",
  colored: "This photo has colors already. They are replaced; lower Strength to keep some of them.",
  drawing: "This looks like a drawing. The models know photographs: expect faint or odd colors.",
};

/** What is told of a photo, beside its answer; empty where there is nothing to tell. */
export function noteOf({ kind, deep }) {
  const depth = KEEPS_16_BITS ? "PNG keeps them, JPEG and WebP do not." : "What is downloaded here has 8.";
  return [NOTES[kind], deep ? `This photo has 16 bits a channel: ${depth}` : ""].filter(Boolean).join(" ");
}
