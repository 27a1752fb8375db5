// Before there is a photo: an example that moves with the hand, and every way to bring photos.
import { element, find } from "./dom.js";
import { setSplit } from "./results.js";

const HERO = "china"; // or the first example, where there is none of that name

/** take(files) gets what is chosen, dropped or pasted; say(text, error) tells what is none. */
export function listenToWelcome(take, say) {
  find("#file").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.items].filter(({ type }) => type.startsWith("image/")).map((item) => item.getAsFile());
    if (files.length) take(files);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // or a photo dropped beside the field replaces the page
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const files = [...event.dataTransfer.files];
    if (files.length) take(files);
    else say("Found no file in what was dropped. Save the image first, then drop the file.", true);
  });
  const hero = find("#hero");
  const slider = hero.querySelector("input");
  hero.addEventListener("pointermove", (event) => {
    const box = hero.getBoundingClientRect();
    setSplit(hero, Math.round((100 * (event.clientX - box.left)) / box.width));
  });
  slider.addEventListener("input", () => setSplit(hero, Number(slider.value)));
}

/** Examples with their result already there; onTake(name) is called with the one that is chosen. */
export function showExamples(names, onTake, colorized) {
  find("#examples").hidden = names.length === 0;
  const address = (name) => `examples/${name}${colorized ? "-colorized" : ""}.jpg`;
  find("#examples div").replaceChildren(...names.map((name) => {
    const title = name.replaceAll("_", " ");
    return element("button", { type: "button", title, dataset: { example: name }, onclick: () => onTake(name) },
      element("img", { src: address(name), alt: title, loading: "lazy" }));
  }));
  if (names.length === 0 || !colorized) return;
  const name = names.includes(HERO) ? HERO : names[0];
  const hero = find("#hero");
  hero.querySelector(".before").src = `examples/${name}.jpg`;
  const after = hero.querySelector(".after");
  after.onload = () => {
    hero.style.setProperty("--ratio", after.naturalWidth / after.naturalHeight);
    hero.hidden = false;
  };
  after.src = address(name);
}
