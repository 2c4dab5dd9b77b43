// Progressive enhancement: every page works without this file.
"use strict";

// If the service does not answer, say that the page is out of date.
(() => {
  const stale = document.getElementById("stale");
  if (!stale) return;
  let answered = new Date();
  const failed = () => {
    stale.textContent = stale.dataset.words.replace("{time}", answered.toLocaleTimeString());
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

// The switch of language: kept in the browser, and the page is shown again as it is.
document.addEventListener("click", (event) => {
  const language = event.target.closest?.("[data-switch]")?.dataset.switch;
  if (!language) return;
  event.preventDefault();
  document.cookie = `language=${language}; Path=/; Max-Age=31536000; SameSite=Lax`;
  const answered = document.querySelector("form[data-answered]");
  if (answered) answered.requestSubmit();
  else window.location.reload();
});
