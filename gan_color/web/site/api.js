// In the place of a server: the same questions, answered in this browser. Photos are sent nowhere.
import { find } from "./dom.js";

export const KEEPS_16_BITS = false; // a canvas has 8
export const DOWNLOADED = "Downloaded, without what the photo's file says of date, place and camera (EXIF).";

const OFFLINE_NOTE = "Works offline from now on.";
let asked = 0;
let pending = 0;
let last = Promise.resolve(); // one photo at a time: each uses the whole processor
const waiting = new Map();

const site = fetch("site.json").then((response) => {
  if (!response.ok) throw new Error(`site.json: found ${response.status}, expected the file that belongs to this page.`);
  return response.json();
});
const worker = start();
worker.catch(() => {}); // told where it is asked

async function start() {
  const described = await site;
  const offline = await serveOffline();
  const megabytes = Math.round(described.models[0].bytes / 1e6);
  tell(`Fetching the model (${megabytes} MB) and what runs it, once…`);
  const started = new Worker("static/engine/worker.js", { type: "module" });
  started.onmessage = ({ data: { id, answer, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(answer);
  };
  // A script that cannot be fetched or run.
  started.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(`This browser cannot run the model (${event.message ?? "its script failed"}).`));
    waiting.clear();
  };
  try {
    const { provider } = await ask(started, { describe: described });
    document.documentElement.dataset.provider = provider;
    tell(offline ? OFFLINE_NOTE : "");
  } catch (error) {
    tell("");
    throw error;
  }
  return started;
}

function tell(text) {
  find("#engine").textContent = text;
}

/** Whether the service worker has this page; what is fetched from then on is kept for later visits. */
async function serveOffline() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return false; // not over https
  try {
    const registration = await serviceWorker.register("service-worker.js");
    const installing = registration.installing ?? registration.waiting;
    if (installing) {
      await new Promise((resolve) => {
        const settled = () => ["activated", "redundant"].includes(installing.state) && resolve();
        installing.addEventListener("statechange", settled);
        settled();
      });
    }
  } catch {
    return false; // a private window, or no room: it works online
  }
  return serviceWorker.controller !== null;
}

function ask(to, message) {
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    to.postMessage({ id, ...message });
  });
}

export async function getJson(path) {
  if (path === "api/health") return { requests: pending };
  const { limits, models, examples } = await site;
  return { "api/limits": limits, "api/models": { models }, examples: { examples } }[path];
}

export async function getBlob(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} cannot be fetched (${response.status}).`);
  return response.blob();
}

/** Options are the form fields of a server's api/colorize; resolves to a Response like its own. */
export async function colorize(photo, name, options, signal) {
  const turn = last.then(async () => {
    signal?.throwIfAborted();
    return ask(await worker, { photo, name, options });
  });
  pending += 1;
  last = turn.catch(() => {}).finally(() => (pending -= 1));
  const { width, height, after } = await until(turn, signal);
  if (options.response !== "json") return new Response(after);
  const [before, colorized] = await Promise.all([photo, after].map(dataUrl));
  return Response.json({ width, height, before, after: colorized, scenes: {} });
}

function until(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
