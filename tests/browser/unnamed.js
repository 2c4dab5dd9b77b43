// Controls, regions and tables that a screen reader could not name.
() => [...document.querySelectorAll("a, button, input, select, textarea, [role=region], table, section, nav, img, meter")]
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.textContent.trim() && element.matches("a, button")) && !element.ariaLabel && !element.labels?.length
    && !element.getAttribute("aria-labelledby") && !element.caption && !element.hasAttribute("alt"))
  .map((element) => element.outerHTML.slice(0, 120))
