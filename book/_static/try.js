// "Try it here" under each exercise, and under cells tagged `try`. What it opens is loaded on the
// click, from ../../try.
(() => {
  const here = document.currentScript.src;
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);
  const label = say("Try it here", "在本页做");
  let tries = 0;

  function note(button, text) {
    const old = button.parentElement.querySelector(".try-note");
    if (!text) return old?.remove();
    const line = old ?? document.createElement("span");
    line.className = "try-note";
    line.setAttribute("role", "status");
    button.after(line);
    line.textContent = text;
  }

  async function open(button, show) {
    note(button, "");  // what it said of an earlier click
    if (location.protocol === "file:") {
      note(button, say(
        "A page opened as a file cannot run code. Run make serve in the course's folder (in an unpacked site: python -m http.server) and open the address that it names.",
        "直接从文件打开的网页不能运行代码。请在课程目录里运行 make serve（若是解压的网站，则运行 python -m http.server），再打开它给出的地址。"));
      return;
    }
    button.disabled = true;
    try {
      // Another address each time: a browser remembers a module that did not arrive.
      const panel = await import(new URL(`../../try/panel.js${tries ? `?${tries}` : ""}`, here));
      await show(panel);
    } catch (error) {
      tries += 1;
      note(button, say("This did not load. Check your connection, then click again or reload the page.",
        "加载失败。请检查网络，再点一次或刷新页面。"));
    }
    button.disabled = false;
  }

  // A button; `show` has the panel open what it is for.
  function make(name, show) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "try-button d-print-none";
    button.textContent = label;
    if (name) button.setAttribute("aria-label", `${label}: ${name}`);
    button.addEventListener("click", () => open(button, (panel) => show(panel, button)));
    return button;
  }

  for (const link of document.querySelectorAll("article td a[href*='/exercises/']")) {
    const id = link.textContent.trim();
    if (!/^[a-z_]+_ex_\d+$/.test(id)) continue;
    link.after(" ", make(id, (panel, button) => panel.openExercise(id, button)));
  }
  for (const cell of document.querySelectorAll("div.cell.tag_try")) {
    cell.append(make("", (panel, button) => panel.openCell(cell, button)));
  }
})();
