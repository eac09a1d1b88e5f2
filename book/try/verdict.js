// What `check` says, in the page's language; the other one on request.
const KEPT = new Set(["DIV", "P", "TABLE", "TBODY", "TR", "TD", "SPAN", "CODE", "B", "BR"]);

// Only what the package's own markup holds: a reader's string can be shown as HTML too.
function clean(element) {
  for (const child of [...element.children]) {
    clean(child);
    if (!KEPT.has(child.tagName)) { child.replaceWith(child.textContent); continue; }
    for (const { name } of [...child.attributes]) if (name !== "lang") child.removeAttribute(name);
    const sign = child.tagName === "SPAN" && !child.lang && child.textContent;
    if (sign === "✓" || sign === "✗") child.className = sign === "✓" ? "right" : "wrong";
  }
}

// "English<br><span lang=zh>中文</span>": each in an element of its own.
function part(element, chinese) {
  for (const line of element.querySelectorAll("br + span[lang='zh']")) {
    const english = document.createElement("span");
    english.lang = "en";
    const lineBreak = line.previousSibling;
    if (lineBreak.previousSibling?.nodeType === Node.TEXT_NODE) english.append(lineBreak.previousSibling);
    lineBreak.replaceWith(english);
    (chinese ? english : line).className = "other";
  }
}

export function verdict(html, chinese) {
  const found = new DOMParser().parseFromString(html, "text/html").body;
  clean(found);
  part(found, chinese);
  const box = document.createElement("div");
  box.className = "try-verdict";
  box.append(...found.childNodes);
  if (!box.querySelector(".right, .wrong")) return box;  // only says what is being done
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = chinese ? "也用英文显示" : "Also in Chinese";
  button.addEventListener("click", () => {
    box.classList.toggle("both");
    button.setAttribute("aria-pressed", String(box.classList.contains("both")));
  });
  button.setAttribute("aria-pressed", "false");
  box.append(button);
  return box;
}
