// The page "Your progress": the table filled in, export, import, reset, and the certificate.
(() => {
  const page = document.querySelector(".course-progress");
  if (!page) return;
  const chinese = document.documentElement.lang.startsWith("zh");
  const say = (en, zh) => (chinese ? zh : en);
  const rows = [...page.querySelectorAll("tbody tr")];
  const message = page.querySelector(".progress-message");
  const part = (name) => page.querySelector(`.progress-${name}`);
  const tell = (text) => { message.textContent = text; };

  const OBSTACLES = {
    off: say(
      "This browser keeps nothing for this site (storage is off), so nothing can be marked.",
      "浏览器关闭了本站的存储，所以无法记录进度。"),
    newer: say(
      "What is stored here was written by a newer edition of the course. It is left as it is, and nothing is marked.",
      "这里保存的记录来自本课程更新的版本。记录保持原样，现在不作任何标记。"),
  };
  const REFUSED = {
    json: say("This file is not JSON, so it is no record of progress. Nothing was changed.",
      "这个文件不是 JSON，不是进度记录。原有记录没有改动。"),
    course: say("This file is no record of this course. Nothing was changed.",
      "这个文件不是本课程的进度记录。原有记录没有改动。"),
    newer: say("This file was written by a newer edition of the course. Nothing was changed.",
      "这个文件来自本课程更新的版本。原有记录没有改动。"),
    damaged: say("This file is damaged: it holds what no record of progress holds. Nothing was changed.",
      "这个文件已损坏，里面有进度记录不该有的内容。原有记录没有改动。"),
    large: say("This file is too large for a record of progress. Nothing was changed.",
      "这个文件太大，不是进度记录。原有记录没有改动。"),
  };

  // ---- the table ----------------------------------------------------------------

  function counted(row, record) {
    const { page: name, questions, exercises } = row.dataset;
    const ids = exercises.split(" ").filter(Boolean);
    const tries = Array.from({ length: Number(questions) }, (_, i) => record.quiz[`${name}/${i + 1}`]);
    return {
      read: Boolean(record.chapters[name]),
      questions: tries.length,
      answered: tries.filter((right) => right !== undefined).length,
      right: tries.filter(Boolean).length,
      exercises: ids.length,
      done: ids.filter((id) => record.exercises[id]).length,
    };
  }

  function fill(row, found) {
    const [read, quiz, exercises] = row.querySelectorAll("td");
    read.textContent = found.read ? say("read", "已读") : "–";
    quiz.textContent = found.answered
      ? say(`${found.answered} of ${found.questions}, ${found.right} at the first try`,
        `${found.answered}/${found.questions}，一次答对 ${found.right}`)
      : say(`0 of ${found.questions}`, `0/${found.questions}`);
    exercises.textContent = say(`${found.done} of ${found.exercises}`,
      `${found.done}/${found.exercises}`);
    const all = found.read && found.answered === found.questions && found.done === found.exercises;
    row.classList.toggle("is-done", all);
    return all;
  }

  function certify(record, sums) {
    part("certificate-name").textContent = record.name || "＿＿＿＿＿＿";
    part("certificate-text").textContent = say(
      `has worked through the course “Recurrent Neural Networks”: ${rows.length} chapters read, `
        + `${sums.answered} quiz questions answered, ${sums.right} of them right at the first try, `
        + `${sums.done} exercises done.`,
      `学完了课程《循环神经网络》：读完 ${rows.length} 章，回答小测验题 ${sums.answered} 道，`
        + `其中一次答对 ${sums.right} 道，完成练习 ${sums.done} 道。`);
    part("certificate-date").textContent =
      new Date().toLocaleDateString(chinese ? "zh-CN" : "en-GB", { dateStyle: "long" });
  }

  function draw(record, obstacle) {
    part("off").hidden = !obstacle;
    if (obstacle) part("off").textContent = OBSTACLES[obstacle];
    part("controls").hidden = Boolean(obstacle);
    const found = rows.map((row) => counted(row, record));
    const all = found.map((of, i) => fill(rows[i], of));
    const sums = found.reduce((sum, of) => {
      for (const key of Object.keys(of)) sum[key] = (sum[key] ?? 0) + Number(of[key]);
      return sum;
    }, {});
    part("sum").textContent = say(
      `${sums.read} of ${rows.length} chapters read, ${sums.answered} of ${sums.questions} questions `
        + `answered, ${sums.done} of ${sums.exercises} exercises done.`,
      `已读 ${sums.read} / ${rows.length} 章，已答 ${sums.answered} / ${sums.questions} 题，`
        + `已完成 ${sums.done} / ${sums.exercises} 道练习。`);
    part("certificate").hidden = Boolean(obstacle) || !all.every(Boolean);
    if (document.activeElement !== part("name")) part("name").value = record.name;
    certify(record, sums);
  }

  // ---- the controls -------------------------------------------------------------

  part("export").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([courseProgress.export()], { type: "application/json" }));
    link.download = "rnncourse-progress.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  part("import").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";  // so that the same file can be chosen again
    if (!file) return;
    if (file.size > 1e6) { tell(REFUSED.large); return; }
    try {
      const found = courseProgress.import(await file.text());
      const count = (kind) => Object.keys(found[kind]).length;
      tell(say(
        `Added: ${count("chapters")} chapters, ${count("quiz")} questions, ${count("exercises")} exercises.`,
        `已加入 ${count("chapters")} 章、${count("quiz")} 题、${count("exercises")} 道练习的记录。`));
    } catch (error) {
      tell(REFUSED[error.message] ?? REFUSED.damaged);
    }
  });

  part("reset").addEventListener("click", () => {
    const sure = confirm(say(
      "Forget everything that is marked here? This cannot be undone; an export keeps it.",
      "清除这里的全部记录吗？清除后无法恢复；想保留，请先导出。"));
    if (!sure) return;
    courseProgress.reset();
    tell(say("Nothing is marked any more.", "记录已清除。"));
  });

  part("name").addEventListener("input", (event) => courseProgress.name(event.target.value));
  part("print").addEventListener("click", () => {
    document.documentElement.classList.add("print-certificate");
    print();
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("print-certificate");
  });

  courseProgress.watch(draw);
})();
