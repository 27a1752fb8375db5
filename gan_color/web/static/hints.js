// A person's points: their list, undo and redo, and the colors to choose from.
import { element, find } from "./dom.js";
import { colorsAt } from "./lab.js";

const PLACES = 7; // from top to bottom, for points that nobody placed

/** Steps back and forth between versions of one value. */
export class History {
  constructor(value) {
    this.versions = [value];
    this.at = 0;
  }
  get value() {
    return this.versions[this.at];
  }
  push(value) {
    this.versions = [...this.versions.slice(0, this.at + 1), value];
    this.at += 1;
  }
  get canUndo() {
    return this.at > 0;
  }
  get canRedo() {
    return this.at < this.versions.length - 1;
  }
  undo() {
    if (this.canUndo) this.at -= 1;
  }
  redo() {
    if (this.canRedo) this.at += 1;
  }
}

/** Where a point comes that nobody placed: on the wider side of the line at `split` percent, below those there. */
export function freePlace(points, split) {
  const x = (split <= 50 ? (split + 100) / 2 : split / 2) / 100;
  const taken = (y) => points.some((point) => Math.hypot(point.x - x, point.y - y) < 0.5 / PLACES);
  const all = Array.from({ length: PLACES }, (_, i) => (0.5 + i / PLACES) % 1);
  return { x, y: all.find((y) => !taken(y)) ?? 0.5 };
}

/**
 * Show the colors that a place of the picture may have, beside the pointer: first the one it has.
 * onColor(color) is called with each that is tried, onDelete where there is a point to delete.
 */
export function showSwatches(anchor, pixel, onColor, onDelete) {
  const box = find("#swatches");
  const close = () => {
    box.hidden = true;
    anchor.focus?.();
  };
  const swatch = (color, name) => {
    const button = element("button", { type: "button", className: "swatch", label: `${name} ${color}`, title: color,
      onclick: () => {
        onColor(color);
        close();
      } });
    button.style.setProperty("--color", color);
    return button;
  };
  const { own, rings } = colorsAt(pixel);
  const any = element("input", { type: "color", value: own, label: "Any color", onchange: () => {
    onColor(any.value);
    close();
  } });
  box.replaceChildren(
    element("div", { className: "row" }, swatch(own, "As it is"), any,
      ...(onDelete ? [element("button", { type: "button", onclick: () => { onDelete(); close(); } }, "Delete")] : []),
      element("button", { type: "button", label: "Close", onclick: close }, "✕")),
    ...rings.map((ring) => element("div", { className: "ring" }, ...ring.map((color) => swatch(color, "Color")))));
  box.hidden = false;
  const { clientX = innerWidth / 2, clientY = innerHeight / 2 } = anchor.event ?? {};
  box.style.setProperty("--left", `${Math.max(8, Math.min(innerWidth - box.offsetWidth - 8, clientX + 12))}px`);
  box.style.setProperty("--top", `${Math.max(8, Math.min(innerHeight - box.offsetHeight - 8, clientY + 12))}px`);
  box.querySelector("button").focus();
  box.onkeydown = (event) => {
    if (event.key === "Escape") close();
  };
}

/** One row for each point: color, place in percent, delete. onChange(points) is called with new ones. */
export function renderPoints(points, onChange) {
  const list = find("#point-list");
  // Rows are made anew only when points come or go: the one being changed keeps its focus.
  if (list.children.length !== points.length) {
    list.replaceChildren(...points.map((_, i) => row(i)));
  }
  [...list.children].forEach((each, i) => {
    each.onChange = (change) => onChange(points.map((point, j) => (j === i ? { ...point, ...change } : point)));
    each.onDelete = () => onChange(points.filter((_, j) => j !== i));
    const [color, x, y] = each.querySelectorAll("input");
    // What is being changed is told when it is done: until then it is not set back.
    const show = (input, value) => {
      if (document.activeElement !== input) input.value = value;
    };
    show(color, points[i].color);
    show(x, Math.round(1000 * points[i].x) / 10);
    show(y, Math.round(1000 * points[i].y) / 10);
  });
}

function row(i) {
  const share = (value) => Math.min(1 - 1e-6, Math.max(0, Number(value) / 100 || 0));
  const place = (key, label) => element("input", {
    type: "number", min: 0, max: 100, step: 0.1, label: `${label} of point ${i + 1}, in percent`,
    onchange: (event) => item.onChange({ [key]: share(event.target.value) }),
  });
  const item = element("li", {},
    element("input", { type: "color", label: `Color of point ${i + 1}`, onchange: (event) => item.onChange({ color: event.target.value }) }),
    place("x", "Distance from the left"), place("y", "Distance from the top"),
    element("button", { type: "button", label: `Remove point ${i + 1}`, onclick: () => item.onDelete() }, "✕"));
  return item;
}
