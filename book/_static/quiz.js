// Print every answer's feedback. Browsers that know ::details-content do so by the style
// sheet alone; for the others, open all answers while the page is being printed.
(() => {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.quiz:not([open])")];
    for (const answer of opened) answer.open = true;
  });
  addEventListener("afterprint", () => {
    for (const answer of opened) answer.open = false;
    opened = [];
  });
})();
