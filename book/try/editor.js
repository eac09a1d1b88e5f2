// A text area with the few keys that code needs. It stays what a telephone and a screen reader know.
const INDENT = "    ";

// Typed by us, so that the browser's own undo knows of it.
function type(area, text) {
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  }
}

// Move whole lines to the right or to the left.
function shift(area, left) {
  const { value, selectionStart, selectionEnd } = area;
  const from = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const lines = value.slice(from, selectionEnd).split("\n");
  const moved = lines.map((line) => (left ? line.replace(/^ {1,4}/, "") : line && INDENT + line));
  area.setSelectionRange(from, selectionEnd);
  if (moved.join("\n")) type(area, moved.join("\n")); else document.execCommand("delete");
  area.setSelectionRange(from, from + moved.join("\n").length);
}

// A new line begins where the one before began, one step further after a colon.
function newLine(area) {
  const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
  const deeper = /:\s*(#.*)?$/.test(line) ? INDENT : "";
  type(area, `\n${/^ */.exec(line)[0]}${deeper}`);
}

export function enableKeys(area, run) {
  let leaving = false;  // after Escape, Tab leaves as everywhere else
  area.addEventListener("blur", () => { leaving = false; });
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const { key } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
    else if (key === "Enter" && !event.shiftKey) { event.preventDefault(); newLine(area); }
    else if (key === "Tab" && !leaving) {
      event.preventDefault();
      const several = area.value.slice(area.selectionStart, area.selectionEnd).includes("\n");
      if (event.shiftKey || several) shift(area, event.shiftKey); else type(area, INDENT);
    }
    if (!["Shift", "Tab"].includes(key)) leaving = key === "Escape";
  });
}
