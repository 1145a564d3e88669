// What is wider than its place can be scrolled by keyboard too, and the explorer in its frame has the colours of the page around it.
// One rule: without this script everything is still there to be read.

const WIDE = "pre, .table-wrapper, div.math";

/** Make a stop of the Tab key of what really scrolls, and of nothing else. */
function markScrolling() {
  for (const box of document.querySelectorAll(WIDE)) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

/** Hand the theme on that was chosen with the button of the page; without one, the explorer asks the system as the page does. */
function handThemeOn() {
  const { theme } = document.body.dataset;
  for (const frame of document.querySelectorAll(".explorer-frame iframe")) {
    const address = new URL(frame.src);
    const settings = new URLSearchParams(address.hash.slice(1));
    if (theme === "light" || theme === "dark") {
      settings.set("theme", theme);
    } else {
      settings.delete("theme");
    }
    address.hash = settings.toString();
    if (frame.src !== address.href) {
      frame.src = address.href; // another fragment loads nothing anew
    }
  }
}

document.addEventListener("DOMContentLoaded", () => {
  markScrolling();
  handThemeOn();
  new MutationObserver(handThemeOn).observe(document.body, { attributeFilter: ["data-theme"] });
});
window.addEventListener("load", markScrolling);
window.addEventListener("resize", markScrolling);
document.addEventListener("toggle", markScrolling, true);
