// Step through a cell (rnncourse.stepper): buttons, a slider, and the arrow keys on it.
// Without this script the page shows the last step and a table of all.
for (const stepper of document.querySelectorAll(".stepper")) {
  const steps = JSON.parse(stepper.querySelector("script").textContent);
  const words = document.documentElement.lang.startsWith("zh")
    ? { back: "上一步", next: "下一步", step: "步骤" }
    : { back: "previous step", next: "next step", step: "step" };
  const controls = document.createElement("div");
  controls.className = "stepper-controls";
  controls.innerHTML =
    `<button type="button" aria-label="${words.back}">◀</button>` +
    `<input type="range" min="1" max="${steps.length}" value="1" aria-label="${words.step}">` +
    `<button type="button" aria-label="${words.next}">▶</button><output></output>`;
  const [back, next] = controls.querySelectorAll("button");
  const slider = controls.querySelector("input");

  const show = (step) => {
    slider.value = step;
    controls.querySelector("output").textContent = `${step} / ${steps.length}`;
    stepper.querySelector(".stepper-say").textContent = steps[step - 1].say;
    for (const place of stepper.querySelectorAll("[data-name]"))
      place.textContent = steps[step - 1][place.dataset.name] ?? "";
    for (const part of stepper.querySelectorAll("[data-from]"))
      part.classList.toggle("stepper-later", part.dataset.from > step);
    // Not `disabled`: that would take the focus away from whoever arrives at the end by keyboard.
    back.setAttribute("aria-disabled", step === 1);
    next.setAttribute("aria-disabled", step === steps.length);
  };
  const go = (by) => show(Math.min(steps.length, Math.max(1, Number(slider.value) + by)));
  back.addEventListener("click", () => go(-1));
  next.addEventListener("click", () => go(1));
  slider.addEventListener("input", () => show(Number(slider.value)));
  stepper.prepend(controls);
  show(1);

  let before; // on paper, the last step, which holds the most
  addEventListener("beforeprint", () => { before = Number(slider.value); show(steps.length); });
  addEventListener("afterprint", () => show(before));
}
