// Language and theme: the visitor's own, until one is chosen.
// One rule: they stand beside the state, so that a link shows the same numbers in each reader's own language.

/**
 * The language to show.
 * @param {string|null|undefined} chosen
 * @returns {"en"|"zh"}
 */
export function preferredLanguage(chosen) {
  const wanted = chosen || linked("lang") || navigator.language || "en";
  return wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/**
 * The theme to show.
 * @param {string|null|undefined} chosen "light", "dark", or anything else for the system's
 * @returns {"light"|"dark"}
 */
export function preferredTheme(chosen) {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return [chosen, linked("theme")].find((theme) => ["light", "dark"].includes(theme)) ?? system;
}

/** What the address says of a preference: `#lang=zh&theme=dark`, as a page says it that has this one in a frame. */
function linked(name) {
  return new URLSearchParams(location.hash.slice(1)).get(name);
}

/** Whether the visitor asked for less motion. */
export function wantsLessMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/**
 * Hear of another language or theme.
 * @param {object} model
 * @param {{ showTheme: () => void, showLanguage: () => void }} show
 * @returns {() => void} stops listening
 */
export function listenForPreferences(model, { showTheme, showLanguage }) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  model.on("change:theme", showTheme);
  model.on("change:language", showLanguage);
  system.addEventListener("change", showTheme);
  window.addEventListener("hashchange", showTheme);
  return () => {
    model.off("change:theme", showTheme);
    model.off("change:language", showLanguage);
    system.removeEventListener("change", showTheme);
    window.removeEventListener("hashchange", showTheme);
  };
}
