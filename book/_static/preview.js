// What a link within the book leads to, shown while the pointer or the keyboard is on it.
// tools/site/previews.py writes what there is to show.
(() => {
  const own = document.currentScript.src;
  const page = location.pathname.split("/").at(-1).replace(/\.html$/, "") || "index";
  const tip = Object.assign(document.createElement("div"), { id: "course-preview" });
  tip.setAttribute("role", "tooltip");
  let link = null; // whose preview is shown, or will be
  let timer;
  let leaving = false;

  function load(then) {
    if (window.coursePreviews) return then();
    const script = document.createElement("script");
    script.src = new URL(`previews/${page}.js`, own);
    script.onload = then;
    document.head.append(script);
  }

  function stay() {
    clearTimeout(timer);
    leaving = false;
  }

  // After a moment, in which the pointer may reach the preview.
  function leave() {
    if (leaving) return;
    stay();
    leaving = true;
    timer = setTimeout(hide, tip.isConnected ? 250 : 0);
  }

  function hide() {
    stay();
    tip.remove();
    link?.removeAttribute("aria-describedby");
    link = null;
  }

  function place() {
    const box = link.getClientRects()[0];
    const below = box.bottom + tip.offsetHeight + 8 < innerHeight || box.top < tip.offsetHeight + 60;
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${scrollX + Math.max(8, left)}px`;
    tip.style.top = `${scrollY + (below ? box.bottom + 6 : box.top - tip.offsetHeight - 6)}px`;
  }

  function show(wanted) {
    const content = window.coursePreviews[wanted.getAttribute("href")];
    if (!content || wanted !== link) return;
    tip.innerHTML = content;
    wanted.removeAttribute("title"); // the browser's own, shorter preview of a citation
    wanted.setAttribute("aria-describedby", tip.id);
    document.body.append(tip);
    place();
  }

  function begin(wanted, wait) {
    if (wanted === link && !tip.isConnected) return;
    stay();
    if (wanted === link) return;
    hide();
    link = wanted;
    timer = setTimeout(() => load(() => show(wanted)), wait);
  }

  const linkOf = (event) => event.target.closest?.("article a.reference.internal");
  // A finger follows a link; it does not point.
  addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const wanted = linkOf(event);
    if (wanted) begin(wanted, 150);
    else if (tip.contains(event.target)) stay();
    else if (link && link !== document.activeElement) leave();
  });
  addEventListener("focusin", (event) => {
    const wanted = linkOf(event);
    if (wanted?.matches(":focus-visible")) begin(wanted, 0);
  });
  addEventListener("focusout", hide);
  addEventListener("click", hide);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
