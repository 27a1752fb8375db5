// Image files to pixels and back, by the browser's own codecs.

const OPAQUE = 255;
const QUALITY = 0.95;

/** {data (RGBA, 8 bit), width, height}, upright and in sRGB. Errors say what was found. */
export async function decode(file, mostPixels) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { premultiplyAlpha: "none" });
  } catch {
    throw new Error(`found ${file.size.toLocaleString("en")} bytes that this browser does not know as an image. `
      + "Expected a JPEG, PNG, WebP or AVIF; convert it first.");
  }
  const { width, height } = bitmap;
  try {
    if (width * height > mostPixels) {
      throw new Error(`found ${width} x ${height} pixels, expected at most ${mostPixels / 1e6} million. Make it smaller first.`);
    }
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } finally {
    bitmap.close();
  }
}

/** A Blob of the image; kind is "jpeg", "png" or "webp". JPEG has no transparency: it is laid on white. */
export async function encode(image, kind) {
  if (kind === "jpeg") layOnWhite(image.data);
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const type = `image/${kind}`;
  const blob = await canvas.convertToBlob({ type, quality: QUALITY });
  if (blob.type !== type) throw new Error(`This browser cannot write ${kind.toUpperCase()}. Choose PNG or JPEG.`);
  return blob;
}

function layOnWhite(data) {
  for (let at = 3; at < data.length; at += 4) {
    if (data[at] === OPAQUE) continue;
    const share = data[at] / OPAQUE;
    for (let i = at - 3; i < at; i += 1) data[i] = OPAQUE + share * (data[i] - OPAQUE);
    data[at] = OPAQUE;
  }
}
