// The formula of the output's size, with today's numbers in it.
// One rule: it shows the same integers that the loops use.

import { h, write } from "./dom.js";

/**
 * Make the formula.
 * @param {{ words: object }} parts
 * @returns {{ element: HTMLElement, update: (scene: { rows: object, columns: object, unusedRows: number[], unusedColumns: number[] }, options?: object) => void }}
 */
export function makeSizeFormula({ words }) {
  const general = h("p", { class: "cs-formula" }, h("code", {}, words.t("sizes.formula")));
  const lines = ["n_H", "n_W"].map((name) => ({ name, element: h("p", { class: "cs-formula cs-number" }) }));
  const reach = h("p", { class: "cs-note" });
  const rest = h("p", { class: "cs-note" });
  const skipped = h("p", { class: "cs-note" });
  const element = h(
    "section",
    { class: "cs-card cs-sizes" },
    h("h2", {}, words.t("sizes.title")),
    general,
    lines.map((line) => line.element),
    reach,
    rest,
    skipped,
  );

  return {
    element,
    update: ({ rows, columns, unusedRows, unusedColumns }) => {
      [rows, columns].forEach((axis, i) => {
        const { size, before, after, stride, out } = axis;
        const pads = before === after ? `2·${before}` : `(${before} + ${after})`;
        write(
          lines[i].element,
          `${lines[i].name} = ⌊(${size} + ${pads} − ${axis.reach}) / ${stride}⌋ + 1 ` +
            `= ⌊${size + before + after - axis.reach} / ${stride}⌋ + 1 = ${out}`,
        );
      });
      const { kernel, dilation } = rows;
      write(reach, dilation > 1 ? words.t("sizes.reach", { kernel, dilation, reach: rows.reach }) : "");
      reach.hidden = dilation === 1;
      const left = [rows.ignored, columns.ignored];
      write(rest, left.some((count) => count > 0) ? words.t("sizes.rest", { rows: left[0], columns: left[1] }) : words.t("sizes.even"));
      const between = [unusedRows.length - rows.ignored, unusedColumns.length - columns.ignored];
      skipped.hidden = between.every((count) => count === 0);
      write(skipped, skipped.hidden ? "" : words.t("sizes.between", { rows: between[0], columns: between[1] }));
    },
  };
}
