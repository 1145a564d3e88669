// The store and a notebook's model, kept alike in both directions.
// One rule: an echo of what was sent is not news, and playing does not flood the notebook.

const PAUSE = 150; // milliseconds between two messages
const ECHOES = 40;

/**
 * Keep a model's `state` and the store alike.
 * @param {object} model
 * @param {object} store
 * @param {(problem: Error) => void} [complain] told why a state from outside was refused: nothing here, the store tells
 * @returns {() => void} stops it
 */
export function synchronise(model, store) {
  const sent = [];
  let timer = null;

  function send() {
    timer = null;
    const text = JSON.stringify(store.state);
    if (sent.at(-1) !== text) {
      sent.push(text);
      sent.splice(0, sent.length - ECHOES);
      model.set("state", store.state);
      model.save_changes();
    }
  }

  function receive() {
    const state = model.get("state");
    const text = JSON.stringify(state);
    if (!state || sent.includes(text) || text === JSON.stringify(store.state)) {
      return;
    }
    if (!store.replace(state)) {
      sent.length = 0;
      send(); // the other side learns that nothing changed here
    }
  }

  const unsubscribe = store.subscribe(() => {
    timer ??= setTimeout(send, PAUSE);
  });
  model.on("change:state", receive);
  return () => {
    clearTimeout(timer);
    unsubscribe();
    model.off("change:state", receive);
  };
}
