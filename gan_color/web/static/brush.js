// Parts of the photo that stay as they are: strokes {width, path: [[x, y], ...]}, all shares of the picture.
import { element, find } from "./dom.js";
import { placeOf } from "./results.js";

const STEP = 0.02; // of the picture, that an arrow key moves the brush

function paint(context, strokes, [width, height]) {
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#fff";
  for (const stroke of strokes) {
    context.lineWidth = stroke.width * Math.max(width, height);
    context.beginPath();
    stroke.path.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x * width, y * height));
    context.lineTo(stroke.path[0][0] * width + 0.01, stroke.path[0][1] * height); // a single place is a dot
    context.stroke();
  }
}

/** The strokes as a picture of that size: white stays as it is, black is colorized. */
export async function maskOf(strokes, [width, height]) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, width, height);
  paint(context, strokes, [width, height]);
  return new File([await canvas.convertToBlob({ type: "image/png" })], "keep.png", { type: "image/png" });
}

/** Show the photo itself where the strokes are, and the one that is being painted. */
export async function drawKept(card, done) {
  const strokes = [...done, ...(card.querySelector(".brush")?.underWay ?? [])];
  const before = card.querySelector(".before");
  const canvas = card.querySelector(".kept");
  canvas.strokes = strokes;
  try {
    await before.decode();
  } catch {
    return; // another picture has come, on which they are drawn anew
  }
  if (canvas.strokes !== strokes) return; // later ones are drawn already
  Object.assign(canvas, { width: before.naturalWidth, height: before.naturalHeight });
  if (strokes.length === 0) return;
  const context = canvas.getContext("2d");
  paint(context, strokes, [canvas.width, canvas.height]);
  context.globalCompositeOperation = "source-in";
  context.drawImage(before, 0, 0);
}

/** Lay a field over the answer that is painted on, or take it away. onStroke(stroke) gets each that is done. */
export function setBrush(card, on, strokes, onStroke) {
  const compare = card.querySelector(".compare");
  const content = card.querySelector(".content");
  let field = compare.querySelector(".brush");
  if (!on) return field?.remove();
  if (!field) compare.append((field = brushField(compare, content)));
  return Object.assign(field, { strokes, onStroke });
}

function brushField(compare, content) {
  const cursor = element("span", { className: "brush-cursor" });
  const field = element("button", {
    type: "button", className: "brush",
    label: "Brush over the photo. Arrow keys move it, Space paints, Shift with an arrow paints a line.",
  }, cursor);
  const size = () => Number(find("#brush-size").value) / 100;
  let [place, path] = [[0.5, 0.5], null];
  const follow = () => {
    const [box, frame] = [content.getBoundingClientRect(), compare.getBoundingClientRect()];
    cursor.style.setProperty("--left", `${box.left - frame.left + place[0] * box.width}px`);
    cursor.style.setProperty("--top", `${box.top - frame.top + place[1] * box.height}px`);
    cursor.style.setProperty("--size", `${size() * Math.max(box.width, box.height)}px`);
  };
  const moveTo = (event) => {
    const { x, y } = placeOf(event, content);
    place = [x, y];
    follow();
  };
  const done = (stroke) => field.onStroke({ width: size(), path: stroke });
  field.addEventListener("pointerdown", (event) => {
    event.stopPropagation(); // or the frame would be dragged
    if (!event.isPrimary) return;
    field.setPointerCapture(event.pointerId);
    moveTo(event);
    path = [place];
  });
  field.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!event.isPrimary) return;
    moveTo(event);
    if (!path) return;
    path = [...path, place];
    field.underWay = [{ width: size(), path }];
    drawKept(compare, field.strokes);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    field.addEventListener(end, (event) => {
      if (!event.isPrimary) return;
      field.underWay = [];
      if (path) done(path);
      path = null;
    });
  }
  field.addEventListener("focus", follow);
  field.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.key === "Escape") return find("#brush").click();
    if (event.key === " " || event.key === "Enter") done([place]);
    else if (!dx && !dy) return;
    event.preventDefault();
    const from = place;
    place = [place[0] + dx * STEP, place[1] + dy * STEP].map((share) => Math.min(1, Math.max(0, share)));
    follow();
    if (event.shiftKey && (dx || dy)) done([from, place]);
  });
  follow();
  return field;
}
