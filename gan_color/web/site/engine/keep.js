// What stays of a photo as it is: gan_color.web.colorize.keep_parts in a browser.
import { bilinear, between } from "./resize.js";

const WHITE = 255;

/** The mask's shares, 0 to 1, along each row of a photo of width x height. mask: an image, white where the photo stays. */
export function keptRows(mask, width, height) {
  const gray = Float32Array.from({ length: mask.width * mask.height }, (_, i) => mask.data[4 * i]);
  const wide = bilinear({ data: gray, width: mask.width, height: mask.height }, width, mask.height).data;
  const row = new Float32Array(width); // one at a time: a large photo has no plane of them
  return (y) => {
    const [above, below, down] = between(y, mask.height, height);
    for (let x = 0; x < width; x += 1) {
      row[x] = Math.round((1 - down) * wide[above * width + x] + down * wide[below * width + x]) / WHITE;
    }
    return row;
  };
}
