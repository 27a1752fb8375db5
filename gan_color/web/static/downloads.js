// Downloads: an answer at the photo's full size, or the first answer of each photo in a .zip.
import { DOWNLOADED } from "./api.js";
import { element } from "./dom.js";
import { wholeAnswer } from "./requests.js";
import { zip } from "./zip.js";

const save = (blob, name) => {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
};
const nameOf = (photo, kind) => `${photo.file.name.replace(/\.[^.]*$/, "")}-colorized.${kind === "jpeg" ? "jpg" : kind}`;

/** kind: jpeg, png or webp. say(text, error) tells how far it is. */
export async function download(photo, result, settings, kind, say) {
  try {
    say(`Colorizing ${photo.file.name} at its full size…`);
    save(await wholeAnswer(photo, result, settings, kind), nameOf(photo, kind));
    say(DOWNLOADED);
  } catch (error) {
    say(error.message, true);
  }
}

/** One photo that fails, or that has no answer, keeps no other one back; say tells of it. */
export async function downloadAll(photos, settings, say) {
  const [done, problems] = [[], []];
  for (const photo of photos.filter(({ results }) => results.length)) {
    say(`Colorizing at full size: ${done.length + 1}, ${photo.file.name}…`);
    try {
      done.push({ name: nameOf(photo, "jpeg"), blob: await wholeAnswer(photo, photo.results[0], settings, "jpeg") });
    } catch (error) {
      problems.push(`${photo.file.name}: ${error.message}`);
    }
  }
  if (done.length) save(await zip(done), "colorized.zip");
  if (done.length === photos.length) say(DOWNLOADED);
  else say([`Downloaded ${done.length} of ${photos.length} photos.`, ...problems.slice(0, 1)].join(" "), true);
}
