// Progressive enhancement: every page works without this file.
"use strict";

// If the service does not answer, say that the page is out of date.
(() => {
  const stale = document.getElementById("stale");
  if (!stale) return;
  let answered = new Date();
  const failed = () => {
    stale.textContent = `No answer since ${answered.toLocaleTimeString()}: this page is out of date. Retrying.`;
    stale.hidden = false;
  };
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(name, failed);
  }
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    answered = new Date();
    stale.hidden = true;
  });
})();

// What a reader has opened or closed stays so when a part of the page is replaced.
(() => {
  const chosen = new Map();
  document.addEventListener("toggle", (event) => {
    if (event.target.id) chosen.set(event.target.id, event.target.open);
  }, true);
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const [id, open] of chosen) {
      const details = document.getElementById(id);
      if (details) details.open = open;
    }
  });
})();

// The studio: line numbers with marks for findings, jumping to a finding, copying.
(() => {
  const studio = document.getElementById("studio");
  if (!studio) return;
  const rules = () => document.getElementById("rules");
  const gutter = () => document.getElementById("gutter");

  const number = () => {
    const lines = rules().value.split("\n").length;
    const marks = new Map();
    for (const item of document.querySelectorAll("#result [data-line]")) {
      const line = Number(item.dataset.line);
      if (marks.get(line) !== "error") marks.set(line, item.className);
    }
    gutter().replaceChildren(
      ...Array.from({ length: lines }, (_, index) => {
        const span = document.createElement("span");
        span.textContent = index + 1;
        if (marks.has(index + 1)) span.className = marks.get(index + 1);
        return span;
      }),
    );
    follow();
  };
  const follow = () => {
    gutter().scrollTop = rules().scrollTop;
  };

  document.addEventListener("input", (event) => {
    if (event.target === rules()) number();
  });
  document.addEventListener("scroll", (event) => {
    if (event.target === rules()) follow();
  }, true);
  document.body.addEventListener("htmx:afterSettle", number);

  document.addEventListener("click", (event) => {
    const item = event.target.closest("[data-line]");
    if (!event.target.closest("a.place") || !item) return;
    event.preventDefault();
    const text = rules();
    const lines = text.value.split("\n");
    const line = Number(item.dataset.line) - 1;
    const begin = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0) + Number(item.dataset.column) - 1;
    const end = lines.slice(0, line + 1).reduce((sum, one) => sum + one.length + 1, 0) - 1;
    text.focus();
    text.setSelectionRange(begin, Math.max(begin, end));
    text.scrollTop = Math.max(0, (text.scrollHeight / lines.length) * (line - 4));
    follow();
  });

  // Changes would be lost with another file.
  document.body.addEventListener("htmx:confirm", (event) => {
    const chosen = document.getElementById("file");
    if (event.target !== chosen || rules().value === rules().defaultValue) return;
    event.preventDefault();
    if (window.confirm("Discard your changes to this file?")) {
      event.detail.issueRequest(true);
    } else {
      chosen.value = [...chosen.options].find((option) => option.defaultSelected).value;
    }
  });

  const copy = document.getElementById("copy");
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(rules().value);
    } catch {
      rules().select(); // without access to the clipboard: select the text
      return;
    }
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy YAML"; }, 1500);
  });

  number();
})();
