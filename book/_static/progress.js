// What the reader has done, kept in this browser only: chapters read, quiz questions answered,
// exercises done. Nothing is sent anywhere. Other scripts use window.courseProgress, below.
(() => {
  const KEY = "rnncourse-progress", COURSE = "rnncourse", VERSION = 1;
  const NAME = /^[a-z][a-z0-9_]{0,59}$/;  // of a page, or of an exercise
  const QUESTION = /^[a-z][a-z0-9_]{0,59}\/[1-9]$/;
  const SECTION = /^[A-Za-z][\w-]{0,99}$/;
  const MOST = 2000;  // entries of one kind: more is no record of a course
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);

  // ---- the record ---------------------------------------------------------------

  const nothing = () => ({
    course: COURSE, version: VERSION, chapters: {}, quiz: {}, exercises: {}, name: "", last: null,
  });

  // Keep of an object the entries that are a name and true or false; refuse the rest.
  function flags(object, name) {
    const entries = Object.entries(object ?? {});
    if (entries.length > MOST) throw new Error("damaged");
    for (const [key, value] of entries) {
      if (!name.test(key) || typeof value !== "boolean") throw new Error("damaged");
    }
    return Object.fromEntries(entries);
  }

  function place(last) {
    if (!last) return null;
    const { page, section = "", title = "", language = "" } = last;
    if (!NAME.test(page) || (section && !SECTION.test(section))) throw new Error("damaged");
    return { page, section, title: String(title).slice(0, 200), language: String(language).slice(0, 2) };
  }

  // Read a record from text, or throw an Error: "json", "course", "newer" or "damaged".
  function parse(text) {
    let found;
    try { found = JSON.parse(text); } catch (e) { throw new Error("json"); }
    if (found?.course !== COURSE) throw new Error("course");
    if (!Number.isInteger(found.version) || found.version < 1) throw new Error("damaged");
    if (found.version > VERSION) throw new Error("newer");
    return {
      ...nothing(),
      chapters: flags(found.chapters, NAME),
      quiz: flags(found.quiz, QUESTION),
      exercises: flags(found.exercises, NAME),
      name: typeof found.name === "string" ? found.name.slice(0, 80) : "",
      last: place(found.last),
    };
  }

  // "" where marks can be kept, else why not: "off", or that what is stored is "newer".
  let obstacle = "";

  function read() {
    try {
      const text = localStorage.getItem(KEY);
      obstacle = "";
      return text === null ? nothing() : parse(text);
    } catch (error) {
      // What a later edition of the course has written stays; what is no record is no loss.
      if (error.message === "newer") obstacle = "newer";
      else if (error instanceof DOMException) obstacle = "off";
      return nothing();
    }
  }

  // Another tab may have written since: read, change, and write at once.
  function change(make) {
    const record = read();
    if (obstacle) return;
    make(record);
    try { localStorage.setItem(KEY, JSON.stringify(record)); } catch (e) { obstacle = "off"; }
    show();
  }

  const shown = [];  // functions that draw a record
  function show() { const record = read(); for (const draw of shown) draw(record, obstacle); }

  window.courseProgress = {
    // Say that an exercise, such as "gru_ex_01", is done; with false, that it is not.
    exercise(id, done = true) { if (NAME.test(id)) change((record) => { record.exercises[id] = Boolean(done); }); },
    chapter(page, done = true) { change((record) => { record.chapters[page] = Boolean(done); }); },
    // Only the first try counts.
    answer(page, number, right) {
      change((record) => { record.quiz[`${page}/${number}`] ??= Boolean(right); });
    },
    name(text) { change((record) => { record.name = text.slice(0, 80); }); },
    export() { return JSON.stringify(read(), null, 1); },
    // Add what a file holds; return what it held. What is marked here stays marked.
    import(text) {
      const found = parse(text);
      change((record) => {
        record.quiz = { ...found.quiz, ...record.quiz };
        for (const kind of ["chapters", "exercises"]) {
          for (const [key, done] of Object.entries(found[kind])) record[kind][key] ||= done;
        }
        record.name ||= found.name;
        record.last ??= found.last;
      });
      return found;
    },
    reset() { change((record) => Object.assign(record, nothing())); },
    // Call a function with the record now and after every change, also one in another tab.
    watch(draw) { shown.push(draw); draw(read(), obstacle); },
  };

  addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) show(); });
  addEventListener("pageshow", (event) => { if (event.persisted) show(); });

  // ---- marks beside links to chapters -------------------------------------------

  const pageName = decodeURIComponent(location.pathname).split("/").at(-1).replace(/\.html$/, "");
  const linked = (a) => {
    const href = a.getAttribute("href");
    return href === "#" ? pageName : href.replace(/\.html$/, "");
  };

  function markLinks(record) {
    for (const link of document.querySelectorAll("nav.bd-links a.reference")) {
      link.querySelector(".progress-mark")?.remove();
      if (!record.chapters[linked(link)]) continue;
      const mark = document.createElement("span");
      mark.className = "progress-mark";
      mark.innerHTML = `<span aria-hidden="true">✓</span><span class="visually-hidden"></span>`;
      mark.lastChild.textContent = say(" (read)", "（已读）");
      link.append(mark);
    }
    for (const link of document.querySelectorAll(".course-map a")) {
      const done = Boolean(record.chapters[linked(link)]);
      link.classList.toggle("is-read", done);
      const title = [...link.querySelectorAll("text:not(.progress-mark)")].map((t) => t.textContent);
      link.querySelector(".progress-mark")?.remove();
      link.removeAttribute("aria-label");
      if (!done) continue;
      link.setAttribute("aria-label", title.join(say(" ", "")) + say(" (read)", "（已读）"));
      const mark = link.querySelector("text").cloneNode();
      mark.setAttribute("class", "progress-mark");
      mark.setAttribute("x", 292);
      mark.textContent = "✓";
      link.append(mark);
    }
  }

  // ---- "go on where you stopped", on the first page -----------------------------

  function offerToGoOn(record) {
    const box = document.getElementById("course-go-on");
    if (!box) return;
    const last = record.last;
    const entry = last && [...document.querySelectorAll("nav.bd-links a.reference")]
      .find((a) => linked(a) === last.page);
    box.hidden = !entry;
    if (!entry) return;
    const link = box.querySelector("a");
    link.href = `${last.page}.html${last.section && `#${last.section}`}`;
    const chapter = entry.firstChild.textContent.trim();
    const known = last.title && last.language === document.documentElement.lang.slice(0, 2);
    link.textContent = known ? `${chapter} · ${last.title}` : chapter;
  }

  // ---- a chapter ----------------------------------------------------------------

  function box(id, words, state) {
    const label = document.createElement("label");
    label.className = "progress-box";
    const input = document.createElement("input");
    input.type = "checkbox";
    input.addEventListener("change", () => state.set(input.checked));
    label.append(input, words);
    courseProgress.watch((record, why) => {
      label.hidden = Boolean(why);
      input.checked = Boolean(state.get(record));
    });
    return label;
  }

  function addExerciseBoxes() {
    for (const link of document.querySelectorAll("article td a")) {
      const id = link.textContent.trim();
      if (!/^[a-z_]+_ex_\d+$/.test(id)) continue;
      const label = box(id, say("done", "已完成"), {
        get: (record) => record.exercises[id], set: (done) => courseProgress.exercise(id, done),
      });
      label.firstChild.setAttribute("aria-label", say(`${id} done`, `${id} 已完成`));
      link.closest("td").append(label);
    }
  }

  function foldSwitch(folds) {
    const button = document.createElement("button");
    button.type = "button";
    const closed = () => folds.some((fold) => !fold.open);
    const name = () => {
      button.textContent = closed()
        ? say("Open all folded code", "展开全部代码") : say("Close all folded code", "收起全部代码");
    };
    button.addEventListener("click", () => {
      const open = closed();
      for (const fold of folds) fold.open = open;
    });
    for (const fold of folds) fold.addEventListener("toggle", name);
    name();
    return button;
  }

  function endOfChapter() {
    const end = document.createElement("div");
    end.className = "course-end d-print-none";
    const count = document.createElement("p");
    const total = new Set([...document.querySelectorAll("details.quiz")].map((d) => d.dataset.question)).size;
    end.append(box(pageName, say("I have read this chapter", "我读完了这一章"), {
      get: (record) => record.chapters[pageName], set: (done) => courseProgress.chapter(pageName, done),
    }), count);
    courseProgress.watch((record, why) => {
      const tries = Object.entries(record.quiz).filter(([key]) => key.startsWith(`${pageName}/`));
      const right = tries.filter(([, first]) => first).length;
      count.hidden = Boolean(why) || !tries.length;
      count.textContent = say(
        `Quiz: ${tries.length} of ${total} answered, ${right} right at the first try.`,
        `小测验共 ${total} 题，已答 ${tries.length} 题，一次答对 ${right} 题。`);
    });
    const folds = [...document.querySelectorAll("div.cell details.hide")];
    if (folds.length) end.append(foldSwitch(folds));
    document.querySelector("article").append(end);
    readWhenReached(end);
  }

  // The end of the page has been on the screen for three seconds: read, unless the reader has
  // said before that it is not.
  function readWhenReached(end) {
    let timer;
    const watcher = new IntersectionObserver(([entry]) => {
      clearTimeout(timer);
      if (!entry.isIntersecting) return;
      timer = setTimeout(() => {
        watcher.disconnect();
        if (read().chapters[pageName] === undefined) courseProgress.chapter(pageName);
      }, 3000);
    });
    watcher.observe(end);
  }

  function noteAnswers() {
    addEventListener("click", (event) => {
      const answer = event.target.closest("details.quiz > summary")?.parentElement;
      if (!answer || answer.open) return;  // it is being closed
      courseProgress.answer(pageName, answer.dataset.question, answer.classList.contains("quiz-right"));
    });
  }

  function notePlace() {
    const sections = [...document.querySelectorAll('main [id^="sec-"]')];
    const above = sections.filter((s) => s.getBoundingClientRect().top < innerHeight / 3);
    const now = above.at(-1);
    const title = now?.closest("section")?.querySelector("h1, h2, h3")?.firstChild?.textContent ?? "";
    const top = !now || now.closest("section").matches("article > section");
    change((record) => {
      record.last = {
        page: pageName, section: top ? "" : now.id, title: top ? "" : title,
        language: document.documentElement.lang.slice(0, 2),
      };
    });
  }

  courseProgress.watch(markLinks);
  courseProgress.watch(offerToGoOn);
  if (document.querySelector("details.quiz")) {
    addExerciseBoxes();
    endOfChapter();
    noteAnswers();
    // On a phone a page is often hidden and never closed.
    addEventListener("pagehide", notePlace);
    addEventListener("visibilitychange", () => { if (document.hidden) notePlace(); });
  }
})();
