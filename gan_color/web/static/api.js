// Requests to this server. Paths are relative, so that the page works below any root path.

export const KEEPS_16_BITS = true; // in a PNG
export const DOWNLOADED = "Downloaded.";

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server did not respond. Check that it is running, then try again.");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Error(body.error || `The server answered ${response.status}. Try again later.`);
}

export const getJson = async (path) => (await request(path)).json();
export const getBlob = async (path) => (await request(path)).blob();

/** Options are the form fields of api/colorize; resolves to the Response. */
export function colorize(photo, name, options, signal) {
  const form = new FormData();
  form.append("file", photo, name);
  for (const [key, value] of Object.entries(options)) form.append(key, value);
  return request("api/colorize", { method: "POST", body: form, signal });
}
