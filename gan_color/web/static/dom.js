// DOM helpers. Text is set as text, never parsed as HTML.

export const find = (selector) => document.querySelector(selector);

/** element("button", { type: "button", onclick }, "Text", otherElement) */
export function element(tag, properties = {}, ...children) {
  const { dataset = {}, label, ...rest } = properties;
  const created = Object.assign(document.createElement(tag), rest);
  Object.assign(created.dataset, dataset);
  if (label) created.setAttribute("aria-label", label);
  created.append(...children);
  return created;
}

/** Replace the children only if they differ: moving a node in the document takes its focus. */
export function setChildren(parent, nodes) {
  const same = nodes.length === parent.children.length && nodes.every((node, i) => node === parent.children[i]);
  if (!same) parent.replaceChildren(...nodes);
}
