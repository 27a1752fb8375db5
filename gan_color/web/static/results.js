// One card for each model: a placeholder while it works, then before and after.
import { element } from "./dom.js";

export function pendingCard(model, preview) {
  const image = element("img", { src: preview, alt: "", onerror: () => image.remove() });
  return element("figure", { className: "pending" },
    element("div", { className: "frame" }, image),
    element("figcaption", {}, element("b", {}, model), element("span", { className: "hint" }, "Colorizing…")));
}

/** images: the JSON of api/colorize. onSplit(percent), onDownload(kind): called on user actions. */
export function resultCard(model, images, onSplit, onDownload) {
  const { width, height } = images;
  const slider = element("input", {
    type: "range", min: 0, max: 100, step: 1, label: `Before and after, ${model}`,
    oninput: () => onSplit(Number(slider.value)),
  });
  const compare = element("div", { className: "compare" },
    element("img", { className: "before", alt: "before", src: images.before, width, height }),
    element("img", { className: "after", alt: `colorized by ${model}`, src: images.after, width, height }),
    element("span", { className: "tag", ariaHidden: "true" }, "Before"),
    element("span", { className: "tag", ariaHidden: "true" }, "After"),
    element("span", { className: "handle", ariaHidden: "true" }),
    slider);
  compare.style.setProperty("--ratio", width / height);
  const download = (kind) => element("button", {
    type: "button", label: `Download ${model} as ${kind.toUpperCase()}`, onclick: () => onDownload(kind),
  }, `↓ ${kind.toUpperCase()}`);
  return element("figure", { className: "result" }, compare,
    element("figcaption", {},
      element("b", {}, model), download("jpeg"), download("png"),
      element("span", { className: "scenes" }, describeScenes(images.scenes))));
}

export function setSplit(card, percent) {
  const compare = card.querySelector(".compare");
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
