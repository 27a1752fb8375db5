// The page: one state, one render. The photo stays in this tab and is sent to api/colorize only.
import { colorize, dataUrlToBlob, getBlob, getJson } from "./api.js";
import { element, find, setChildren } from "./dom.js";
import { listenForHints, renderHints } from "./hints.js";
import { pendingCard, resultCard, setSplit } from "./results.js";

const state = {
  photo: null, // File
  preview: "", // its object URL
  limits: { upload_bytes: Infinity, render: 1024 },
  models: [], // of api/models
  examples: [], // names
  results: [], // {model, card}
  points: [], // {x, y, color}, in pixels of the photo
  reference: null, // File whose colors the photo is to have
  split: 50, // percent of the image that shows "before"
  dragging: false,
  busy: false,
  status: { text: "", error: false },
};
let running = new AbortController(); // a new request or photo aborts the one before

function update(changes) {
  Object.assign(state, changes);
  render();
}

const changePoints = (change) => update({ points: change(state.points) });

/** Of the chosen models those that take hints. */
function hinted() {
  const chosen = new FormData(find("#controls")).getAll("model");
  return state.models.filter(({ name, hints }) => hints && chosen.includes(name)).map(({ name }) => name);
}

const say = (text, error = false) => update({ status: { text, error } });

function render() {
  const { photo, status, results } = state;
  find("#stage").classList.toggle("has-results", results.length > 0);
  find("#drop").classList.toggle("has-photo", photo !== null);
  find("#drop").classList.toggle("dragging", state.dragging);
  find("#photo-name").textContent = photo ? photo.name : "Add a photo";
  find("#choose").textContent = photo ? "Choose another photo" : "Choose a file";
  const megabytes = state.limits.upload_bytes / 1e6;
  const limit = Number.isFinite(megabytes) ? `, up to ${megabytes} MB` : "";
  find("#limit").textContent = photo ? "" : `or drop or paste it here${limit}`;
  const preview = find("#preview");
  if (preview.getAttribute("src") !== state.preview && state.preview) {
    preview.src = state.preview;
    preview.hidden = false;
  }
  setChildren(find("#results"), results.map((result) => result.card));
  for (const { card } of results) setSplit(card, state.split);
  find("#examples").hidden = state.examples.length === 0;
  find("#colorize").classList.toggle("busy", state.busy);
  find("#reference-clear").hidden = state.reference === null;
  renderHints(photo !== null && hinted().length > 0, state.preview, state.points, changePoints);
  find("#status").textContent = status.text;
  find("#status").classList.toggle("error", status.error);
  find("#render").max = state.limits.render;
  for (const output of document.querySelectorAll("output")) {
    output.value = find(`#${output.htmlFor}`).value;
  }
}

function renderChoices() {
  const megabytes = (model) => `${model.architecture}, ${(model.bytes / 1e6).toFixed(1)} MB`;
  find("#models").replaceChildren(...state.models.map((model, i) =>
    element("label", { className: "model", title: model.paper },
      element("input", { type: "checkbox", name: "model", value: model.name, checked: i === 0, label: model.name }),
      element("span", {}, element("b", {}, model.name), element("small", {}, megabytes(model))))));
  find("#examples div").replaceChildren(...state.examples.map((name) => {
    const title = name.replaceAll("_", " ");
    return element("button", { type: "button", title, dataset: { example: name }, onclick: () => takeExample(name) },
      element("img", { src: `examples/${name}.jpg`, alt: title, loading: "lazy" }));
  }));
}

function take(file) {
  if (!file) return;
  const { upload_bytes: limit } = state.limits;
  if (file.size > limit) {
    say(`${file.name}: found ${(file.size / 1e6).toFixed(1)} MB, expected at most ${limit / 1e6} MB.`, true);
    return;
  }
  running.abort();
  URL.revokeObjectURL(state.preview);
  update({ photo: file, preview: URL.createObjectURL(file), results: [], points: [], reference: null, busy: false });
  find("#reference").value = "";
  say("Ready to colorize.");
}

async function takeExample(name) {
  try {
    take(new File([await getBlob(`examples/${name}.jpg`)], `${name}.jpg`, { type: "image/jpeg" }));
  } catch (error) {
    say(error.message, true);
  }
}

async function submit(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const models = form.getAll("model");
  form.delete("model");
  const { photo, preview, points, reference } = state;
  const takers = hinted();
  const common = Object.fromEntries(form);
  const told = { hints: JSON.stringify(points), ...(reference ? { reference } : {}) };
  const optionsOf = (model) => ({
    ...common, model, ...(takers.includes(model) ? told : {}),
  });
  if (!photo) return say("Choose a photo first.", true);
  if (models.length === 0) return say("Choose a model first.", true);
  running.abort();
  const { signal } = (running = new AbortController());
  let done = [];
  for (const [i, model] of models.entries()) {
    update({ busy: true, results: [...done, { card: pendingCard(model, preview) }] });
    say(`Colorizing with ${model} (${i + 1} of ${models.length})…`);
    if (i === 0) find("#results").scrollIntoView({ block: "nearest" });
    try {
      const response = await colorize(photo, { ...optionsOf(model), format: "jpeg", response: "json" }, signal);
      const images = await response.json();
      const onDownload = (kind) => download(photo, optionsOf(model), images, kind);
      done = [...done, { card: resultCard(model, images, (split) => update({ split }), onDownload) }];
      update({ results: done });
    } catch (error) {
      if (signal.aborted) return;
      update({ busy: false, results: done });
      return say(error.message, true);
    }
  }
  update({ busy: false });
  say("Done. Drag the line, or move it with the arrow keys.");
}

async function download(photo, options, images, kind) {
  try {
    // The JPEG is here already; a PNG is lossless only if the server encodes it.
    const blob = kind === "jpeg"
      ? dataUrlToBlob(images.after)
      : await (await colorize(photo, { ...options, format: kind })).blob();
    const href = URL.createObjectURL(blob);
    const stem = photo.name.replace(/\.[^.]*$/, "");
    element("a", { href, download: `${stem}-colorized.${kind === "jpeg" ? "jpg" : kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  } catch (error) {
    say(error.message, true);
  }
}

function listen() {
  find("#controls").addEventListener("submit", submit);
  find("#controls").addEventListener("input", render);
  find("#hint-photo").addEventListener("load", render); // its size places the points
  listenForHints(changePoints);
  find("#reference").addEventListener("change", (event) => update({ reference: event.target.files[0] ?? null }));
  find("#reference-clear").addEventListener("click", () => {
    find("#reference").value = "";
    update({ reference: null });
  });
  find("#file").addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = ""; // the same file may be chosen again
  });
  find("#preview").addEventListener("error", () => (find("#preview").hidden = true)); // HEIC, TIFF
  document.addEventListener("paste", (event) => {
    const item = [...event.clipboardData.items].find((each) => each.type.startsWith("image/"));
    if (item) take(item.getAsFile());
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // or a photo dropped beside the field replaces the page
    if (!state.dragging) update({ dragging: true });
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) update({ dragging: false });
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    update({ dragging: false });
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else say("Found no file in what was dropped. Save the image first, then drop the file.", true);
  });
}

async function start() {
  listen();
  render();
  try {
    const [limits, { models }, { examples }] = await Promise.all(
      ["api/limits", "api/models", "examples"].map(getJson));
    update({ limits, models, examples });
    renderChoices();
    if (models.length === 0) say("The server has no model yet. Add a .safetensors file and reload.", true);
  } catch (error) {
    say(error.message, true);
  }
}

start();
