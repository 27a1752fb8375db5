// Works the page. The photo stays in this tab; /api/colorize is the only place that it is sent to.
(() => {
  const state = { photo: null, options: {}, round: 0 };
  const find = (selector) => document.querySelector(selector);
  const address = (path) => new URL(path, document.baseURI);

  function say(text, wrong = false) {
    const status = find("#gc-status");
    status.textContent = text;
    status.classList.toggle("wrong", wrong);
  }

  async function reason(response) {
    try {
      return (await response.json()).error;
    } catch {
      return `the server answered ${response.status}`;
    }
  }

  function take(file) {
    if (!file) return;
    const limit = window.ganColorSettings.uploadBytes;
    if (file.size > limit) {
      say(`${file.name}: found ${(file.size / 1e6).toFixed(1)} MB, expected at most ${limit / 1e6} MB`, true);
      return;
    }
    state.photo = file;
    const preview = document.createElement("img");
    preview.alt = "Your photo";
    preview.src = URL.createObjectURL(file);
    preview.onload = () => URL.revokeObjectURL(preview.src);
    const text = document.createElement("span");
    text.textContent = file.name;
    preview.onerror = () => preview.remove(); // a format that the browser cannot show
    find(".drop span:last-of-type").replaceChildren(preview, document.createElement("br"), text);
    say("Ready to colour.");
  }

  async function send(model, options) {
    const form = new FormData();
    form.append("file", state.photo, state.photo.name || "photo");
    form.append("model", model);
    for (const [name, value] of Object.entries(options)) form.append(name, value);
    const response = await fetch(address("api/colorize"), { method: "POST", body: form });
    if (!response.ok) throw new Error(await reason(response));
    return response;
  }

  function save(blob, kind) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const stem = (state.photo.name || "photo").replace(/\.[^.]*$/, "");
    link.download = `${stem}-coloured.${kind === "jpeg" ? "jpg" : kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function result(model, pictures, again) {
    const figure = document.createElement("figure");
    figure.className = "result";
    figure.innerHTML = `<div class="compare"><img class="before" alt="before"><img class="after">
      <input type="range" min="0" max="100" value="50" step="1"></div>
      <figcaption><b></b><span class="scenes"></span><button type="button" data-kind="jpeg">↓ JPEG</button>
      <button type="button" data-kind="png">↓ PNG</button></figcaption>`;
    const [before, after] = figure.querySelectorAll("img");
    before.src = pictures.before;
    after.src = pictures.after;
    after.alt = `coloured by ${model}`;
    const range = figure.querySelector("input");
    range.setAttribute("aria-label", `Before and after, ${model}`);
    range.oninput = () => {
      for (const each of document.querySelectorAll(".compare")) { // several models move together
        each.querySelector("input").value = range.value;
        each.style.setProperty("--split", `${range.value}%`);
      }
    };
    figure.querySelector("b").textContent = model;
    figure.querySelector(".scenes").textContent = Object.entries(pictures.scenes)
      .sort((one, other) => other[1] - one[1]) // an object's keys that are numbers come first
      .slice(0, 3)
      .map(([name, share]) => `${name} ${Math.round(100 * share)}%`)
      .join(", ");
    for (const button of figure.querySelectorAll("button")) {
      const kind = button.dataset.kind;
      button.setAttribute("aria-label", `Download ${model} as ${kind.toUpperCase()}`);
      button.onclick = async () => {
        try {
          save(await again(kind), kind);
        } catch (error) {
          say(error.message, true);
        }
      };
    }
    return figure;
  }

  async function colour(models, options) {
    const round = ++state.round;
    const chosen = [].concat(models || []);
    if (!state.photo) return say("Choose a photo first.", true);
    if (!chosen.length) return say("Choose a model first.", true);
    const photo = state.photo;
    const results = find("#gc-results");
    results.replaceChildren();
    for (const [i, model] of chosen.entries()) {
      say(`Colouring with ${model} (${i + 1} of ${chosen.length}) …`);
      try {
        const pictures = await (await send(model, { ...options, format: "jpeg", answer: "json" })).json();
        if (round !== state.round) return; // a newer request took over
        const again = async (kind) =>
          kind === "jpeg"
            ? (await fetch(pictures.after)).blob()
            : (await send(model, { ...options, format: kind })).blob();
        results.append(result(model, pictures, again));
        if (!i) results.scrollIntoView({ block: "nearest", behavior: "smooth" });
      } catch (error) {
        if (round === state.round) say(error.message, true);
        return;
      }
    }
    say("Done. Drag the line, or move it with the arrow keys.");
  }

  // The models that are there now, as choices of Gradio's dropdown.
  async function models(chosen) {
    const response = await fetch(address("api/models"));
    const names = (await response.json()).models.map((model) => model.name);
    const kept = [].concat(chosen || []).filter((name) => names.includes(name));
    return { __type__: "update", choices: names.map((n) => [n, n]), value: kept.length ? kept : names.slice(0, 1) };
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "gc-file") take(event.target.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const item = [...event.clipboardData.items].find((each) => each.type.startsWith("image/"));
    if (item) take(item.getAsFile());
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // a photo that misses the field must not replace the page
    find(".drop")?.classList.toggle("over", !!event.target.closest?.(".drop"));
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    find(".drop")?.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-example]");
    if (!button) return;
    const name = `${button.dataset.example}.jpg`;
    const blob = await (await fetch(address(`examples/${name}`))).blob();
    take(new File([blob], name, { type: "image/jpeg" }));
  });

  window.ganColor = { colour, models };
})();
