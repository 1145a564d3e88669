// The page without a notebook: a model like anywidget's, and the opening of the page.
// One rule: `render` cannot tell whether a notebook or this shim called it.

/**
 * Make a model as anywidget hands one to `render`.
 * @param {Object<string, *>} values
 * @returns {{ get: Function, set: Function, on: Function, off: Function, save_changes: Function }}
 */
export function makeModel(values) {
  const listeners = new Map();
  return {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      (listeners.get(`change:${name}`) ?? []).forEach((listener) => listener());
    },
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    off: (event, listener) =>
      listeners.set(
        event,
        (listeners.get(event) ?? []).filter((other) => listener && other !== listener),
      ),
    save_changes: () => {},
  };
}

/**
 * Open the page, if this document is one.
 * @param {{ render: Function }} app
 */
export function openPage(app) {
  const el = document.getElementById("convstep-page");
  const { state, language, theme, place, ...data } = JSON.parse(document.getElementById("convstep-data").textContent);
  app.render({ model: makeModel({ state, language, theme, place, data }), el });
}
