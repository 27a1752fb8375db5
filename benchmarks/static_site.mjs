// Processor seconds for a photo by a static site's own code, as WebAssembly, without a browser's decoding:
//   gan-color export gan-color-small --web site
//   node --experimental-default-type=module benchmarks/static_site.mjs site
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const SIZES = [[1024, 768], [4000, 3000]];
const RENDER = 256;
const REPEATS = 3;

const folder = resolve(process.argv[2] ?? "site");
const site = (path) => pathToFileURL(`${folder}/${path}`).href;
const { colorize } = await import(site("static/engine/pipeline.js"));
const ort = await import(site("runtime/ort.wasm.bundle.min.js"));
ort.env.wasm.wasmBinary = readFileSync(`${folder}/runtime/ort-wasm-simd-threaded.wasm`);
ort.env.wasm.numThreads = 1;
const [model] = JSON.parse(readFileSync(`${folder}/site.json`, "utf8")).models;
const session = await ort.InferenceSession.create(readFileSync(`${folder}/model/${model.file}`));

const seconds = () => Object.values(process.cpuUsage()).reduce((one, other) => one + other) / 1e6;
let inModel = 0;
const run = async (inputs) => {
  const started = seconds();
  const tensors = Object.entries(inputs).map(([name, [data, shape]]) => [name, new ort.Tensor("float32", data, shape)]);
  const { ab } = await session.run(Object.fromEntries(tensors));
  inModel = seconds() - started;
  return { ab: ab.data };
};
const median = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)].toFixed(2);
for (const [width, height] of SIZES) {
  const [whole, alone] = [[], []];
  for (let i = 0; i < REPEATS; i += 1) {
    const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, at) => (at % 4 === 3 ? 255 : (at / 1500) % 256));
    const started = seconds();
    await colorize({ data, width, height }, { ...model, run }, { render: RENDER, saturation: 1, strength: 1, points: [], palette: null, variant: 0 });
    whole.push(seconds() - started);
    alone.push(inModel);
  }
  console.log(`${width} x ${height}: ${median(whole)} s, ${median(alone)} of them in the model`);
}
