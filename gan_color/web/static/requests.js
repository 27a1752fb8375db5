// What is asked of the server for a photo: quick answers for the page, whole ones for downloads.
import { colorize, getJson } from "./api.js";
import { maskOf } from "./brush.js";

const REFERENCE_SIDE = 512;

/** What goes into the form beside the photo. points are shares of the picture, size its [width, height]. */
function fields(choice, settings, size) {
  const { model, variant, takesHints, points, reference } = choice;
  const pixel = (share, side) => Math.min(side - 1, Math.floor(share * side));
  const hints = points.map(({ x, y, color }) => ({ x: pixel(x, size[0]), y: pixel(y, size[1]), color }));
  return {
    model,
    render: settings.render,
    ...(variant ? { variant } : {}),
    ...(takesHints && hints.length ? { hints: JSON.stringify(hints) } : {}),
    ...(takesHints && reference ? { reference } : {}),
  };
}

/** A quick answer: {width, height, before, after, scenes}, before and after as addresses of images. */
export async function quickAnswer(photo, choice, settings, signal) {
  const known = photo.smallSize ?? photo.answered;
  const asked = fields({ ...choice, points: known ? choice.points : [] }, settings, known ?? [1, 1]);
  const response = await colorize(photo.small, photo.file.name, { ...asked, format: "jpeg", response: "json" }, signal);
  const images = await response.json();
  photo.answered = [images.width, images.height];
  return images;
}

/** The whole photo as a Blob, with saturation and strength as they are set, and the parts that stay as they are. */
export async function wholeAnswer(photo, choice, settings, kind, signal) {
  const asked = fields(choice, settings, photo.size ?? photo.answered);
  const { saturation, strength } = settings;
  const { strokes } = photo.told.value;
  const keep = strokes.length ? { keep: await maskOf(strokes, photo.smallSize ?? photo.answered) } : {};
  const response = await colorize(photo.file, photo.file.name, { ...asked, ...keep, saturation, strength, format: kind }, signal);
  return response.blob();
}

/** How many requests the server has before this one. */
export async function waiting() {
  try {
    return Math.max(0, (await getJson("api/health")).requests - 1);
  } catch {
    return 0;
  }
}

/** A reference photo no larger than its colors need; as it is where this browser cannot decode it. */
export async function shrinkReference(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, REFERENCE_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return new File([await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 })], file.name, { type: "image/jpeg" });
  } catch {
    return file;
  }
}
