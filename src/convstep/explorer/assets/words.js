// The page's texts in its languages.
// One rule: a sentence stands in words.json, whole, in every language; code only fills in names and numbers.

/** The languages, and how each calls itself. */
export const LANGUAGES = { en: "English", zh: "简体中文" };

const HOLE = /\{(\w+)(?::([^|{}]*)\|([^|{}]*))?\}/g;

/**
 * Make the texts of one language.
 * @param {Object<string, Object<string, string>>} table what words.json holds
 * @param {string} language "en" or "zh"
 * @returns {{ language: string, t: (key: string, values?: object) => string, has: (key: string) => boolean }} `t` fills `{name}` with
 *   values.name, and `{name:one|many}` with one of the two words; a key that is missing is returned as it is, so that a gap is seen
 */
export function makeWords(table, language) {
  function t(key, values = {}) {
    const text = table[key]?.[language] ?? table[key]?.en ?? key;
    return text.replace(HOLE, (hole, name, one, many) => {
      if (!(name in values)) {
        return hole;
      }
      return one === undefined ? String(values[name]) : values[name] === 1 ? one : many;
    });
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
