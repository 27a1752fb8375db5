// A card for each answer: before and after under one line, zoom, the person's points, downloads.
import { element } from "./dom.js";

const FORMATS = ["jpeg", "png", "webp"];
const [LEAST_ZOOM, MOST_ZOOM] = [1, 8];
const CLICK = 6; // pixels that a pointer may move in a click

/** A frame that is dragged, wheeled and pinched: --zoom, --x and --y (shares of its size) say how it is seen. */
function zoomable(frame, content) {
  const view = { zoom: 1, x: 0, y: 0 };
  const pointers = new Map();
  let spread = 0;
  const show = () => {
    const most = view.zoom - 1;
    view.x = Math.min(0, Math.max(-most, view.x));
    view.y = Math.min(0, Math.max(-most, view.y));
    for (const [name, value] of Object.entries(view)) content.style.setProperty(`--${name}`, value);
    frame.classList.toggle("zoomed", view.zoom > 1);
  };
  const zoomAt = (factor, clientX, clientY) => {
    const box = frame.getBoundingClientRect();
    const [px, py] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, view.zoom * factor));
    view.x = px - ((px - view.x) / view.zoom) * zoom;
    view.y = py - ((py - view.y) / view.zoom) * zoom;
    view.zoom = zoom;
    show();
  };
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !frame.matches(":focus-within, :fullscreen") && view.zoom === 1) return; // the page scrolls
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => pointers.set(event.pointerId, event));
  frame.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    const box = frame.getBoundingClientRect();
    if (pointers.size === 2) {
      const [one, other] = [...pointers.values()];
      const now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      if (spread) zoomAt(now / spread, (one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2);
      spread = now;
    } else if (view.zoom > 1 && !event.target.closest("input, .point")) {
      view.x += (event.clientX - before.clientX) / box.width;
      view.y += (event.clientY - before.clientY) / box.height;
      show();
    }
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    frame.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      spread = 0;
    });
  }
  show();
  return (factor) => {
    const box = frame.getBoundingClientRect();
    zoomAt(factor, box.left + box.width / 2, box.top + box.height / 2);
  };
}

/** Where an event is on the picture, as shares of its width and height. */
export function placeOf(event, content) {
  const box = content.getBoundingClientRect();
  const inside = (value) => Math.min(1 - 1e-6, Math.max(0, value));
  return { x: inside((event.clientX - box.left) / box.width), y: inside((event.clientY - box.top) / box.height) };
}

/**
 * images: the JSON of api/colorize. on: {split(percent), download(kind), point(place, event) or null,
 * move(i, place, done), choose(i, event), pick() or null}.
 */
export function resultCard(title, images, on) {
  const slider = element("input", {
    type: "range", min: 0, max: 100, step: 1, label: `Before and after, ${title}`,
    oninput: () => on.split(Number(slider.value)),
  });
  const content = element("div", { className: "content" },
    element("img", { className: "before", alt: "before", draggable: false }),
    element("img", { className: "after", alt: `colorized by ${title}`, draggable: false }),
    element("canvas", { className: "kept", ariaHidden: "true" }),
    element("div", { className: "marks" }));
  const compare = element("div", { className: "compare" }, content,
    element("span", { className: "tag", ariaHidden: "true" }, "Before"),
    element("span", { className: "tag", ariaHidden: "true" }, "After"),
    element("span", { className: "handle", ariaHidden: "true" }),
    slider);
  const zoomBy = zoomable(compare, content);
  if (on.point) listenForPoints(compare, content, on);
  const button = (label, text, onclick) => element("button", { type: "button", label, title: label, onclick }, text);
  const card = element("figure", { className: "result" }, compare,
    element("figcaption", {},
      element("b", {}, title),
      button(`Zoom in, ${title}`, "+", () => zoomBy(1.5)),
      button(`Zoom out, ${title}`, "−", () => zoomBy(1 / 1.5)),
      button(`Full screen, ${title}`, "Full screen", () => compare.requestFullscreen?.()),
      ...(on.pick ? [button(`Go on with ${title}`, "Choose this", on.pick)] : []),
      ...FORMATS.map((kind) => button(`Download ${title} as ${kind.toUpperCase()}`, `↓ ${kind.toUpperCase()}`, () => on.download(kind))),
      element("span", { className: "scenes" })));
  showImages(card, images);
  return card;
}

/** Put a new answer on its card, which stays as it was zoomed, with what is being dragged or brushed on it. */
export function showImages(card, { before, after, width, height, scenes }) {
  for (const [name, src] of Object.entries({ before, after })) {
    const image = card.querySelector(`img.${name}`);
    if (image.src !== src) Object.assign(image, { src, width, height });
  }
  card.querySelector(".compare").style.setProperty("--ratio", width / height);
  card.querySelector(".scenes").textContent = describeScenes(scenes);
}

function listenForPoints(compare, content, on) {
  let down = null;
  compare.addEventListener("pointerdown", (event) => (down = event));
  compare.addEventListener("click", (event) => {
    if (!down || event.target.closest(".point")) return;
    if (Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > CLICK) return;
    if (event.target.matches("input") && nearHandle(event, compare)) return;
    on.point(placeOf(event, content), event);
  });
}

/** The line between before and after is moved by its handle; elsewhere a click is a point. */
function nearHandle(event, compare) {
  const box = compare.getBoundingClientRect();
  const split = parseFloat(compare.style.getPropertyValue("--split") || "50") / 100;
  return Math.abs(event.clientX - box.left - split * box.width) < 26;
}

/** Draw the points, shares of the picture: {x, y, color}. */
export function drawPoints(card, points, on) {
  const marks = card.querySelector(".marks");
  // Marks are made anew only when points come or go: the one that is dragged stays under the pointer.
  if (marks.children.length !== points.length) {
    marks.replaceChildren(...points.map((_, i) => pointMark(i, card.querySelector(".content"))));
  }
  [...marks.children].forEach((mark, i) => {
    Object.assign(mark, { on, point: points[i] });
    mark.style.setProperty("--color", points[i].color);
    if (!mark.from) putAt(mark, points[i]);
  });
}

function putAt(mark, { x, y }) {
  mark.style.setProperty("--x", `${100 * x}%`);
  mark.style.setProperty("--y", `${100 * y}%`);
}

function pointMark(i, content) {
  const mark = element("button", { type: "button", className: "point", label: `Color of point ${i + 1}`, ariaHidden: "true", tabIndex: -1 });
  let moved = false;
  mark.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    mark.from = event;
    moved = false;
    mark.setPointerCapture(event.pointerId);
  });
  mark.addEventListener("pointermove", (event) => mark.from && putAt(mark, placeOf(event, content)));
  mark.addEventListener("pointerup", (event) => {
    if (!mark.from) return;
    moved = Math.hypot(event.clientX - mark.from.clientX, event.clientY - mark.from.clientY) > CLICK;
    mark.from = null;
    if (moved) mark.on.move(i, placeOf(event, content));
    else putAt(mark, mark.point);
  });
  mark.addEventListener("pointercancel", () => {
    mark.from = null;
    putAt(mark, mark.point);
  });
  // Not sooner: what opens under the finger would get the click that follows, a color that nobody chose.
  mark.addEventListener("click", (event) => {
    if (!moved) mark.on.choose(i, event);
  });
  return mark;
}

export function setSplit(card, percent) {
  const compare = card.matches(".compare") ? card : card.querySelector(".compare");
  if (!compare) return;
  compare.querySelector("input").value = percent;
  compare.style.setProperty("--split", `${percent}%`);
}

function describeScenes(scenes) {
  return Object.entries(scenes)
    .sort((one, other) => other[1] - one[1]) // objects list integer-like keys first
    .slice(0, 3)
    .map(([name, probability]) => `${name} ${Math.round(100 * probability)}%`)
    .join(", ");
}
