// Progressive: every page works without this file.
"use strict";

// What is shown is old when the service no longer answers: say so, rather than show it as if it were now.
(() => {
  const stale = document.getElementById("stale");
  if (!stale) return;
  let answered = new Date();
  const failed = () => {
    stale.textContent = `No answer since ${answered.toLocaleTimeString()}: what is shown is old. Trying on.`;
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
