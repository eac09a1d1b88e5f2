// The switch of languages: remember the choice, and lead to the section that is being read.
addEventListener("click", (event) => {
  const link = event.target.closest("a.course-language");
  if (!link) return;
  try { localStorage.setItem("course-language", link.hreflang); } catch (e) { /* storage is off */ }
  const sections = [...document.querySelectorAll('main [id^="sec-"]')];
  const above = sections.filter((s) => s.getBoundingClientRect().top < innerHeight / 3);
  // Who reads the page's beginning wants its top.
  link.hash = scrollY > innerHeight / 3 && above.length ? above.at(-1).id : "";
});

// Paper is light.
let theme;
addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => { document.documentElement.dataset.theme = theme; });

// A folder's pages cannot be fetched by a script: search then lists titles without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
