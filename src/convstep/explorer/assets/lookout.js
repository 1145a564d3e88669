// Whoever looks at one entry sees what it depends on and what depends on it.
// One rule: two marks that differ in shape, and one sentence that says the same.

/**
 * Make the lookout of a view.
 * @param {{ entries: Object<string, { grid: object, tensor: string, index: (r: number, c: number) => number[]|null,
 *   cell: (index: number[]) => [number, number]|null }>, follow: (tensor: string, index: number[]) => object,
 *   say: (tensor: string, index: number[], found: object) => void, hush: () => void }} parts entries: the grids by any name, which tensor
 *   each
 *   shows, which entry of it a cell is, and the cell of an entry, if it is to be seen; follow: dependsOn and feeds, as
 *   `convDependencies` has them; say: what is looked at; hush: nothing is
 * @returns {{ look: (name: string, r: number, c: number) => void, leave: () => void, refresh: () => void }}
 */
export function makeLookout({ entries, follow, say, hush }) {
  let looked = null;

  function show() {
    const { tensor, index } = looked;
    const found = follow(tensor, index);
    for (const { grid, tensor: shown, cell } of Object.values(entries)) {
      const blocks = (places) =>
        (places ?? [])
          .map(cell)
          .filter((place) => place !== null)
          .map(([r, c]) => ({ r, c }));
      grid.mark("depends", blocks(found.dependsOn[shown]));
      grid.mark("feeds", blocks(found.feeds[shown]));
      grid.mark("mark", shown === tensor ? blocks([index]) : null);
    }
    say(tensor, index, found);
  }

  function leave() {
    if (looked === null) {
      return;
    }
    looked = null;
    for (const { grid } of Object.values(entries)) {
      ["depends", "feeds", "mark"].forEach((name) => grid.mark(name, null));
    }
    hush();
  }

  return {
    look: (name, r, c) => {
      const { tensor, index } = entries[name];
      const at = index(r, c);
      if (at === null) {
        leave();
      } else {
        looked = { tensor, index: at };
        show();
      }
    },
    leave,
    refresh: () => {
      if (looked !== null) {
        show();
      }
    },
  };
}
