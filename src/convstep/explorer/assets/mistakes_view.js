// The view "the mistakes": choose a known mistake, and see what it does beside what is right.
// One rule: the state holds which mistake it is; the entry that is looked at is nobody's news.

import { h, write } from "./dom.js";
import { loadMistakes } from "./mistakes_data.js";
import { makeMistakeDetail } from "./mistakes_detail.js";
import { makeMistakeList } from "./mistakes_list.js";
import { drawMistake } from "./mistakes_picture.js";

/**
 * Make the view.
 * @param {{ store: object, words: object, data: object, announce: (text: string) => void, isDark: () => boolean }} parts
 * @returns {{ element: HTMLElement, update: Function, destroy: Function, picture: () => SVGElement|null }}
 */
export function makeMistakesView({ store, words, data, announce, isDark }) {
  const waiting = h("p", { class: "cs-soft" }, words.t(data.mistakes ? "mistakes.loading" : "mistakes.missing"));
  const element = h("div", { class: "cs-mistakes" }, waiting);
  let [index, list, detail, gone, dark] = [null, null, null, false, null];

  if (data.mistakes) {
    loadMistakes(data.mistakes).then(begin, () => write(waiting, words.t("mistakes.broken")));
  }

  function begin(loaded) {
    if (gone) {
      return;
    }
    index = loaded;
    list = makeMistakeList({ words, index, choose });
    const both = h("div", { class: "cs-mistakes-both" }, list.element, h("div", {}));
    element.replaceChildren(h("p", { class: "cs-mistakes-intro" }, introduction()), both);
    show(store.state);
  }

  function introduction() {
    const shown = index.list.length;
    return words.t(shown === index.known ? "mistakes.intro" : "mistakes.intro_some", { shown, known: index.known });
  }

  function choose(id) {
    if (id !== shownId(store.state)) {
      store.change("did.mistake", (state) => ({ ...state, mistakes: { id } }), { merge: "mistake" });
      announce(words.t("mistakes.chosen", { title: index.byId.get(id).title[words.language] }));
    }
  }

  /** Without a choice, the most frequent mistake of all. */
  function shownId(state) {
    return state.mistakes.id ?? index.list[0].id;
  }

  function show(state) {
    const id = shownId(state);
    if (detail?.id === id && isDark() === dark) {
      return;
    }
    dark = isDark();
    detail?.destroy();
    const mistake = index.byId.get(id);
    detail =
      mistake === undefined
        ? { id, element: h("p", { class: "cs-alert", role: "alert" }, words.t("mistakes.unknown", { id })), destroy: () => {} }
        : makeMistakeDetail({ words, mistake, solutions: index.solutions, dark, hand });
    element.querySelector(".cs-mistakes-both").lastChild.replaceWith(detail.element);
    list.show(id);
  }

  function hand({ view, part }) {
    store.change("did.hand", (state) => ({ ...state, view, [view]: { ...state[view], ...part } }));
    announce(words.t("mistakes.handed", { view: words.t(`tab.${view}`) }));
  }

  return {
    element,
    update: (state) => {
      if (index !== null) {
        show(state);
      }
    },
    destroy: () => {
      gone = true;
      detail?.destroy();
    },
    picture: () => (detail?.mistake ? drawMistake({ words, mistake: detail.mistake, dark }) : null),
  };
}
