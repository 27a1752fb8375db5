// A photo as this tab keeps it: the file, a smaller copy for quick answers, and what it looks like.

const SMALL_SIDE = 1600; // pixels; the server answers this within a second, the whole file on download
const SEEN_SIDE = 96; // pixels that kindOf looks at

/**
 * {file, small, size, smallSize, kind}; sizes are [width, height] of file and small, null where this browser cannot
 * decode: HEIC, TIFF. The server reads those, and its answers have their sizes.
 */
export async function openPhoto(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { file, small: file, size: null, smallSize: null, kind: "photo" };
  }
  const size = [bitmap.width, bitmap.height];
  const reduced = (side) => {
    const scale = Math.min(1, side / Math.max(...size));
    return size.map((each) => Math.max(1, Math.round(each * scale)));
  };
  const kind = kindOf(draw(bitmap, ...reduced(SEEN_SIDE)));
  const smallSize = reduced(SMALL_SIDE);
  let small = file;
  if (smallSize[0] < size[0]) {
    small = await draw(bitmap, ...smallSize).convertToBlob({ type: "image/jpeg", quality: 0.95 });
  }
  bitmap.close();
  return { file, small, size, smallSize, kind };
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

export const NOTES = {
  photo: "",
  colored: "This photo has colors already. They are replaced; lower Strength to keep some of them.",
  drawing: "This looks like a drawing. The models know photographs: expect faint or odd colors.",
};
