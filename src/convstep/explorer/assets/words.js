// The page's texts in its languages.
// One rule: a sentence stands in words.json, whole, in every language; code only fills in names and numbers.

/** The languages, and how each calls itself. */
export const LANGUAGES = { en: "English", zh: "简体中文" };

/**
 * Make the texts of one language.
 * @param {Object<string, Object<string, string>>} table what words.json holds
 * @param {string} language "en" or "zh"
 * @returns {{ language: string, t: (key: string, values?: object) => string, has: (key: string) => boolean }} `t` fills `{name}` with
 *   values.name; a key that is missing is returned as it is, so that a gap is seen
 */
export function makeWords(table, language) {
  function t(key, values = {}) {
    const text = table[key]?.[language] ?? table[key]?.en ?? key;
    return text.replace(/\{(\w+)\}/g, (hole, name) => (name in values ? String(values[name]) : hole));
  }
  return { language, t, has: (key) => key in table };
}

/**
 * Say why a state was refused.
 * @param {Error} problem
 * @param {{ t: Function }} words
 * @returns {string}
 */
export function sayProblem(problem, words) {
  return problem.key === undefined ? problem.message : words.t(problem.key, problem.values);
}
