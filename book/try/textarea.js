// A plain text area, where the site was built without CodeMirror: the same as codemirror.js gives.
export function createEditor({ parent, code, attributes, changed, run }) {
  const area = Object.assign(document.createElement("textarea"), { value: code, spellcheck: false });
  for (const [name, value] of Object.entries(attributes)) area.setAttribute(name, value);
  const grow = () => { area.rows = Math.min(30, Math.max(10, area.value.split("\n").length + 2)); };
  grow();
  parent.append(area);
  area.addEventListener("input", () => { changed(); grow(); });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  return {
    get code() { return area.value; },
    set code(text) { area.value = text; changed(); grow(); },
    focus() { area.focus({ preventScroll: true }); },
    close() {},
  };
}
