// The page: one state, one render. Photos stay in this tab and are sent to api/colorize only.
import { getBlob, getJson } from "./api.js";
import { drawKept, setBrush } from "./brush.js";
import { element, find, setChildren } from "./dom.js";
import { download, downloadAll } from "./downloads.js";
import { freePlace, History, renderPoints, showSwatches } from "./hints.js";
import { kindAt, noteOf, openPhoto } from "./photo.js";
import { quickAnswer, shrinkReference, waiting } from "./requests.js";
import { drawPoints, resultCard, setSplit, showImages } from "./results.js";
import { listenToWelcome, showExamples } from "./welcome.js";

const VARIANTS = 4; // answers shown beside the model's own
const state = {
  limits: { upload_bytes: Infinity, render: 1024 },
  models: [], // of api/models
  photos: [], // of openPhoto, and {results, told: History of {points, reference}, running, problem}
  current: null, // one of photos
  brush: false, // whether one paints on the photo
  split: 50, // percent of the image that shows "before"
  seconds: 2, // that an answer took lately
};

const say = (text, error = false) => {
  find("#status").textContent = text;
  find("#status").classList.toggle("error", error);
};
const settings = () => Object.fromEntries(new FormData(find("#controls")));
const chosenModels = () => {
  const names = new FormData(find("#controls")).getAll("model");
  return state.models.filter(({ name }) => names.includes(name));
};
const takers = () => chosenModels().filter(({ hints }) => hints);

function render() {
  const photo = state.current;
  find("#welcome").hidden = photo !== null;
  find("#workspace").hidden = photo === null;
  for (const output of document.querySelectorAll("output")) output.value = find(`#${output.htmlFor}`).value;
  const { saturation, strength } = settings();
  find("#results").style.setProperty("--saturation", saturation);
  find("#results").style.setProperty("--strength", strength);
  if (!photo) return;
  const { results, told, running } = photo;
  find("#note").textContent = noteOf(photo);
  find("#note").hidden = !noteOf(photo);
  setChildren(find("#results"), results.map(({ card }) => card));
  for (const result of results) {
    setSplit(result.card, state.split);
    drawKept(result.card, told.value.strokes);
    setBrush(result.card, state.brush, told.value.strokes, (stroke) => changeStrokes([...told.value.strokes, stroke]));
    drawPoints(result.card, result.takesHints ? told.value.points : [], {
      move: (i, place) => changePoints((points) => points.map((point, j) => (j === i ? { ...point, ...place } : point))),
      choose: (i, event) => pickColor(result, told.value.points[i], event, i),
    });
  }
  find("#progress").hidden = !running;
  find("#points").hidden = takers().length === 0;
  renderPoints(told.value.points, (points) => changePoints(() => points));
  find("#brush").setAttribute("aria-pressed", state.brush);
  find("#brush-clear").hidden = told.value.strokes.length === 0;
  find("#undo").disabled = !told.canUndo;
  find("#redo").disabled = !told.canRedo;
  find("#reference-clear").hidden = told.value.reference === null;
  find("#variants").hidden = !chosenModels().some(({ variants }) => variants);
  find("#zip").hidden = state.photos.filter((each) => each.results.length).length < 2;
  find("#strip").hidden = state.photos.length < 2;
  setChildren(find("#strip"), state.photos.map((each) => each.thumbnail));
  for (const each of state.photos) each.thumbnail.setAttribute("aria-pressed", each === photo);
}

/** Colorize a photo with each chosen model, or with `choices`; what was running for it ends. */
async function run(photo, choices = chosenModels().map((model) => ({ model, variant: photo.variant ?? 0 }))) {
  photo.running?.abort();
  const { signal } = (photo.running = new AbortController());
  if (photo === state.current) say("");
  if (choices.length === 0) {
    photo.running = null;
    render();
    return say("Choose a model first.", true);
  }
  const started = performance.now();
  let ahead = 0;
  waiting().then((count) => (ahead = count)); // a busy server takes its time to say how busy it is
  const clock = setInterval(() => tell(photo, started, ahead, choices.length), 500);
  tell(photo, started, ahead, choices.length);
  render();
  const results = [];
  try {
    for (const { model, variant } of choices) {
      const { points, reference } = photo.told.value;
      const choice = { model: model.name, variant, takesHints: model.hints, points, reference };
      const images = await quickAnswer(photo, choice, settings(), signal);
      if (!photo.size && !photo.results.length) photo.kind = await kindAt(images.before);
      results.push(takeAnswer(photo, photo.results[results.length], choice, images, choices.length > 1));
      photo.results = [...results, ...photo.results.slice(results.length)];
      if (photo === state.current) render();
    }
    photo.results = results;
    state.seconds = (performance.now() - started) / 1000 / choices.length;
    if (photo === state.current) focusResults();
    if (photo === state.current) say("Done. Drag the line, or move it with the arrow keys.");
  } catch (error) {
    if (signal.aborted) return;
    if (photo.results.length === 0) say(`${photo.file.name}: ${error.message}`, true);
    else say(error.message, true);
  } finally {
    clearInterval(clock);
    if (!signal.aborted) photo.running = null;
    if (photo === state.current) render();
    showThumbnail(photo);
  }
}

/** What was pressed is gone with the welcome: the next Tab would start at the top of the page. */
function focusResults() {
  if ([document.body, find("#file"), null].includes(document.activeElement)) find("#results").focus({ preventScroll: true });
}

function tell(photo, started, ahead, count) {
  if (photo !== state.current) return;
  const passed = Math.floor((performance.now() - started) / 1000);
  const expected = Math.ceil(state.seconds * count * (1 + ahead));
  const before = ahead ? `, ${ahead} before it` : "";
  find("#progress-text").textContent = `Colorizing${before}: ${passed} s of about ${Math.max(expected, passed + 1)} s`;
}

/** An answer to what was asked before too is shown on the card of the one before. */
function takeAnswer(photo, before, choice, images, several) {
  const asked = { model: choice.model, variant: choice.variant, takesHints: choice.takesHints, several };
  if (!before || Object.entries(asked).some(([key, value]) => before[key] !== value)) {
    return newResult(photo, choice, images, several);
  }
  showImages(before.card, images);
  return Object.assign(before, choice, { images });
}

function newResult(photo, choice, images, several) {
  const title = choice.variant ? `${choice.model}, answer ${choice.variant}` : choice.model;
  const result = { ...choice, images, several };
  result.card = resultCard(title, images, {
    split: (percent) => {
      state.split = percent;
      for (const { card } of photo.results) setSplit(card, percent);
    },
    download: (kind) => download(photo, result, settings(), kind, say),
    point: choice.takesHints ? (place, event) => pickColor(result, place, event) : null,
    pick: several && choice.takesHints ? () => goOnWith(photo, result) : null,
  });
  return result;
}

/** One of several answers becomes the photo's only one, and what hints go on from. */
function goOnWith(photo, result) {
  photo.variant = result.variant;
  for (const input of document.querySelectorAll("#models input")) input.checked = input.value === result.model;
  run(photo);
}

async function pickColor(result, place, event, i = null) {
  const pixel = await colorOf(result.images.after, place);
  const anchor = Object.assign(result.card.querySelector(".compare input"), { event });
  showSwatches(anchor, pixel,
    (color) => changePoints((points) => (i === null
      ? [...points, { x: place.x, y: place.y, color }]
      : points.map((point, j) => (j === i ? { ...point, color } : point)))),
    i === null ? null : () => changePoints((points) => points.filter((_, j) => j !== i)));
}

async function colorOf(address, { x, y }) {
  const image = Object.assign(new Image(), { src: address });
  await image.decode();
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d");
  context.drawImage(image, -Math.floor(x * image.naturalWidth), -Math.floor(y * image.naturalHeight));
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

function changePoints(change) {
  const { told } = state.current;
  told.push({ ...told.value, points: change(told.value.points) });
  run(state.current);
}

/** What stays as it is needs no new answer. */
function changeStrokes(strokes) {
  const { told } = state.current;
  told.push({ ...told.value, strokes });
  render();
}

async function changeReference(file) {
  const { told } = state.current;
  told.push({ ...told.value, reference: file && (await shrinkReference(file)) });
  run(state.current);
}

async function take(files) {
  const { upload_bytes: limit } = state.limits;
  const taken = [];
  for (const file of files) {
    if (file.size > limit) {
      say(`${file.name}: found ${(file.size / 1e6).toFixed(1)} MB, expected at most ${limit / 1e6} MB.`, true);
      continue;
    }
    const photo = { ...(await openPhoto(file)), results: [], told: new History({ points: [], reference: null, strokes: [] }), running: null };
    photo.thumbnail = element("button", { type: "button", className: "thumbnail", label: file.name, title: file.name,
      onclick: () => show(photo) });
    taken.push(photo);
  }
  if (taken.length === 0) return;
  state.photos = [...state.photos, ...taken];
  show(taken[0]);
  for (const photo of taken) {
    if (!photo.running && !photo.results.length) await run(photo); // or a person was quicker
  }
}

function show(photo) {
  state.current = photo;
  say("");
  find("#reference").value = "";
  render();
  // On a phone the header makes room for the picture.
  find("#workspace").scrollIntoView({ block: matchMedia("(max-width: 860px)").matches ? "start" : "nearest" });
}

function showThumbnail(photo) {
  const [first] = photo.results;
  if (first) photo.thumbnail.replaceChildren(element("img", { src: first.images.after, alt: "" }));
  else photo.thumbnail.textContent = "!";
}

async function takeExample(name) {
  try {
    await take([new File([await getBlob(`examples/${name}.jpg`)], `${name}.jpg`, { type: "image/jpeg" })]);
  } catch (error) {
    say(error.message, true);
  }
}

function renderChoices() {
  const told = (model) => [
    `${model.architecture}, ${(model.bytes / 1e6).toFixed(1)} MB${model.hints ? ", takes your colors" : ""}`,
    ...(model.good_at ? [`Good at: ${model.good_at}.`] : []),
    ...(model.bad_at ? [`Bad at: ${model.bad_at}.`] : []),
  ];
  find("#models").replaceChildren(...state.models.map((model, i) =>
    element("label", { className: "model", title: model.paper },
      element("input", { type: "checkbox", name: "model", value: model.name, checked: i === 0, label: model.name }),
      element("span", {}, element("b", {}, model.name), ...told(model).map((line) => element("small", {}, line))))));
}

function listen() {
  listenToWelcome(take, say);
  find("#controls").addEventListener("input", render);
  find("#controls").addEventListener("submit", (event) => event.preventDefault());
  // What the server decides is asked of it anew; saturation and strength are not.
  for (const id of ["#models", "#render"]) find(id).addEventListener("change", () => state.current && run(state.current));
  find("#another").addEventListener("click", () => find("#file").click());
  find("#zip").addEventListener("click", () => downloadAll(state.photos, settings(), say));
  find("#cancel").addEventListener("click", () => {
    state.current.running?.abort();
    state.current.running = null;
    say("Canceled.");
    render();
  });
  find("#point-add").addEventListener("click", () => changePoints((points) => [...points, { ...freePlace(points, state.split), color: "#c08050" }]));
  const step = (name) => () => {
    const { told } = state.current;
    const { points, reference } = told.value;
    told[name]();
    if (told.value.points === points && told.value.reference === reference) render();
    else run(state.current);
  };
  find("#brush").addEventListener("click", () => {
    state.brush = !state.brush;
    render();
    const field = find(state.brush ? ".brush" : "#brush");
    field?.focus({ preventScroll: true });
  });
  find("#brush-clear").addEventListener("click", () => changeStrokes([]));
  find("#undo").addEventListener("click", step("undo"));
  find("#redo").addEventListener("click", step("redo"));
  find("#reference").addEventListener("change", (event) => event.target.files[0] && changeReference(event.target.files[0]));
  find("#reference-clear").addEventListener("click", () => {
    find("#reference").value = "";
    changeReference(null);
  });
  find("#variants").addEventListener("click", () => {
    const model = chosenModels().find(({ variants }) => variants);
    run(state.current, Array.from({ length: VARIANTS + 1 }, (_, variant) => ({ model, variant })));
  });
}

async function start() {
  listen();
  render();
  try {
    const [limits, { models }, { examples }] = await Promise.all(["api/limits", "api/models", "examples"].map(getJson));
    Object.assign(state, { limits, models });
    find("#limit").textContent = `${limits.formats ?? "JPEG, PNG, WebP, TIFF, HEIC and more"}, up to ${limits.upload_bytes / 1e6} MB each`;
    find("#render").max = limits.render;
    renderChoices();
    showExamples(examples, takeExample, models.length > 0);
    if (models.length === 0) say("The server has no model yet. Add a .safetensors file and reload.", true);
  } catch (error) {
    say(error.message, true);
  }
}

start();
