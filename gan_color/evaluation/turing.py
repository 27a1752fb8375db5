"""A blind test as one page: which of two pictures is the real photograph?

As the papers do it (Zhang et al. 2016, section 3.2): real beside coloured, a viewer points at one;
coloured pictures taken for real half of the time cannot be told apart. Pairs and sides are
shuffled in the browser; the page needs no other file and sends nothing anywhere.
"""

import io
import json
from pathlib import Path

from PIL import Image

from gan_color.atomic import write_text
from gan_color.errors import GanColorError
from gan_color.evaluation import html_report

STYLE = """<style>
#pair { display: flex; gap: 1rem; } #pair img { flex: 1; min-width: 0; cursor: pointer; }
#pair img:focus { outline: 3px solid #48f; }
</style>"""

SCRIPT = """
const shuffle = (list) => {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
};
const trials = shuffle(data.photos.flatMap((photo, p) =>
  data.models.map((model) => ({photo: p, model, left: Math.random() < 0.5}))));
const tally = Object.fromEntries(data.models.map((model) => [model, {shown: 0, fooled: 0}]));
const pair = document.getElementById("pair"), status = document.getElementById("status");
let at = 0;

// Wilson's 95 % interval of a share.
const interval = (k, n) => {
  const z = 1.96, p = k / n, d = 1 + z * z / n, c = p + z * z / (2 * n);
  const r = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return [(c - r) / d, (c + r) / d];
};
const percent = (x) => `${(100 * x).toFixed(0)} %`;

const results = () => {
  const body = document.getElementById("results");
  body.replaceChildren();
  for (const [model, {shown, fooled}] of Object.entries(tally)) {
    const row = body.insertRow();
    const range = () => interval(fooled, shown).map(percent).join(", ");
    const text = shown ? `${percent(fooled / shown)} [${range()}]` : "–";
    for (const cell of [model, `${fooled} of ${shown}`, text]) row.insertCell().textContent = cell;
  }
  document.getElementById("table").hidden = false;
};

const show = () => {
  pair.replaceChildren();
  if (at === trials.length) {
    status.textContent = "Done. Thank you.";
    document.getElementById("stop").hidden = true;
    results();
    return;
  }
  const {photo, model, left} = trials[at];
  status.textContent =
    `Pair ${at + 1} of ${trials.length}: click the real photograph, or press ← or →.`;
  const both = [data.photos[photo].truth, data.photos[photo][model]];
  (left ? both : both.reverse()).forEach((source, side) => {
    const image = new Image();
    image.src = source;
    image.alt = side ? "right picture" : "left picture";
    image.tabIndex = 0;
    image.onclick = () => choose(side);
    pair.append(image);
  });
};

const choose = (side) => {
  if (at === trials.length) return;
  const {model, left} = trials[at++];
  tally[model].shown += 1;
  if ((side === 0) !== left) tally[model].fooled += 1;
  show();
};
document.addEventListener("keydown", ({key}) => {
  if (key === "ArrowLeft") choose(0);
  if (key === "ArrowRight") choose(1);
});
document.getElementById("stop").onclick = () => { trials.length = at; show(); };
show();
"""


def write_turing(
    path: Path, photographs: list[dict[str, Image.Image]], models: list[str], truth: str
) -> None:
    """Write the page. Each photograph is {name: picture} with every model and the truth.

    Raises GanColorError where there is nothing to choose from.
    """
    if not photographs or not models:
        raise GanColorError("turing: found no pictures, expected a model and a photograph at least")
    data = {
        "models": models,
        "photos": [
            {
                "truth": _encoded(pictures[truth]),
                **{model: _encoded(pictures[model]) for model in models},
            }
            for pictures in photographs
        ],
    }
    # "<" is escaped, so that no name can end the script.
    text = json.dumps(data).replace("<", "\\u003c")
    parts = [
        STYLE,
        "<h1>Which one is the real photograph?</h1>",
        '<p id="status" aria-live="polite"></p><div id="pair"></div>',
        '<p><button id="stop">stop here</button></p>',
        '<table id="table" hidden><thead><tr><th>model</th><th>taken for real</th>'
        "<th>share, 95 % interval (50 %: cannot be told apart)</th></tr></thead>"
        '<tbody id="results"></tbody></table>',
        f"<script>const data = {text};{SCRIPT}</script>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html_report.page("Real or coloured?", parts))


def _encoded(picture: Image.Image) -> str:
    """PNG, so that compression gives neither side away."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return html_report.data_url(buffer.getvalue(), "png")
