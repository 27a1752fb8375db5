// Colors for points of the photo: clicked on it or typed, changed, taken back.
import { element, find, setChildren } from "./dom.js";

/** onChange(change): change takes the points and returns new ones: {x, y, color}, in pixels. */
export function listenForHints(onChange) {
  const photo = find("#hint-photo");
  const color = find("#hint-color");
  photo.addEventListener("click", (event) => {
    const box = photo.getBoundingClientRect();
    const place = (offset, side, pixels) => Math.min(pixels - 1, Math.floor((offset / side) * pixels));
    const x = place(event.clientX - box.left, box.width, photo.naturalWidth);
    const y = place(event.clientY - box.top, box.height, photo.naturalHeight);
    onChange((points) => [...points, { x, y, color: color.value }]);
  });
  find("#hint-add").addEventListener("click", () => {
    const [x, y] = [photo.naturalWidth, photo.naturalHeight].map((side) => Math.floor(side / 2));
    onChange((points) => [...points, { x, y, color: color.value }]);
  });
  find("#hint-undo").addEventListener("click", () => onChange((points) => points.slice(0, -1)));
}

/** Show the photo with its points, and a row for each; nothing where no chosen model takes them. */
export function renderHints(shown, preview, points, onChange) {
  find("#hints").hidden = !shown;
  const photo = find("#hint-photo");
  if (preview && photo.getAttribute("src") !== preview) photo.src = preview;
  find("#hint-undo").disabled = points.length === 0;
  const marks = find("#hint-marks");
  const width = photo.naturalWidth || 1;
  const height = photo.naturalHeight || 1;
  marks.replaceChildren(...points.map(({ x, y, color }) => {
    const mark = element("i", { ariaHidden: "true" });
    mark.style.setProperty("--x", `${(100 * (x + 0.5)) / width}%`);
    mark.style.setProperty("--y", `${(100 * (y + 0.5)) / height}%`);
    mark.style.setProperty("--color", color);
    return mark;
  }));
  const list = find("#hint-points");
  // Rows are made anew only when points come or go: the one being changed keeps its focus.
  if (list.children.length !== points.length) {
    setChildren(list, points.map((_, i) => row(i, onChange)));
  }
  [...list.children].forEach((each, i) => {
    for (const input of each.querySelectorAll("input")) input.value = points[i][input.dataset.key];
  });
}

function row(i, onChange) {
  const field = (key, type, label) => element("input", {
    type, dataset: { key }, label: `${label} of point ${i + 1}`, min: 0, step: 1, required: true,
    oninput: (event) => {
      const value = type === "number" ? Math.max(0, Math.floor(Number(event.target.value) || 0)) : event.target.value;
      onChange((now) => now.map((point, j) => (j === i ? { ...point, [key]: value } : point)));
    },
  });
  return element("li", {},
    field("color", "color", "Color"), field("x", "number", "Column"), field("y", "number", "Row"),
    element("button", {
      type: "button", label: `Remove point ${i + 1}`,
      onclick: () => onChange((now) => now.filter((_, j) => j !== i)),
    }, "✕"));
}
