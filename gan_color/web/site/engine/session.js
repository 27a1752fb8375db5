// The model in ONNX Runtime: on WebGPU where there is one that gives the right answer, as WebAssembly elsewhere.

const RUNTIMES = {
  webgpu: { script: "ort.webgpu.bundle.min.js", wasm: "ort-wasm-simd-threaded.asyncify.wasm" },
  wasm: { script: "ort.wasm.bundle.min.js", wasm: "ort-wasm-simd-threaded.wasm" },
};
const CLOSE = 0.01; // of ab: 1.1 of a* and b*

/**
 * model: of site.json; site: where its files are. Resolves to {provider, stride, hints, palette, bank of its palettes if
 * it has any, run(inputs) -> Promise of {ab, content}}.
 */
export async function openModel(model, site) {
  const address = new URL(`model/${model.file}`, site);
  if (await hasGpu()) {
    try {
      const opened = await open("webgpu", model, address, site);
      if (await answersAs(opened, model.probe)) return opened;
    } catch {
      // A driver that cannot: the processor can.
    }
  }
  return open("wasm", model, address, site);
}

async function hasGpu() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

async function open(provider, model, address, site) {
  const { script, wasm } = RUNTIMES[provider];
  const ort = await import(new URL(`runtime/${script}`, site).href);
  ort.env.wasm.wasmPaths = { wasm: new URL(`runtime/${wasm}`, site).href };
  ort.env.logLevel = "error";
  const weights = await (await fetchPart(address)).arrayBuffer();
  const session = await ort.InferenceSession.create(weights, { executionProviders: [provider] });
  const run = async (inputs) => {
    const tensors = Object.entries(inputs).map(([name, [data, shape]]) => [name, new ort.Tensor("float32", data, shape)]);
    const { ab, content } = await session.run(Object.fromEntries(tensors));
    return { ab: await ab.getData(), content: await content?.getData() };
  };
  const bank = model.palettes && await (await fetchPart(new URL(`model/${model.palettes}`, site))).json();
  return { provider, run, bank, stride: model.stride, hints: model.hints, palette: model.palette };
}

async function fetchPart(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The model cannot be fetched (${response.status}). Reload the page.`);
  return response;
}

/** Whether it gives what the exporter's ONNX Runtime gave for a ramp of lightness. */
async function answersAs(opened, { side, places, ab }) {
  const zeros = (channels) => [new Float32Array(channels * side * side), [1, channels, side, side]];
  const L = Float32Array.from({ length: side * side }, (_, i) => (i % side) / side - Math.floor(i / side) / side);
  const { ab: answer } = await opened.run({
    L: [L, [1, 1, side, side]],
    ...(opened.hints ? { hint_ab: zeros(2), hint_mask: zeros(1) } : {}),
    ...(opened.palette ? { hint_palette: [new Float32Array(opened.palette), [1, opened.palette]] } : {}),
  });
  return places.every((place, i) => Math.abs(answer[place] - ab[i]) < CLOSE);
}
