// Elements in one line each.
// One rule: data reaches the page as text and attributes, never as markup, and styles through the object model (the page's policy asks for both).

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
let idsGiven = 0;

/**
 * Make an HTML element.
 * @param {string} tag
 * @param {Object<string, *>} [attributes] `on: { click: listener }` listens; null, undefined and false leave an attribute out
 * @param {...(Node|string|null|Array)} children strings become text
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/**
 * Make an SVG element, as `h` makes an HTML one.
 * @param {string} tag
 * @param {Object<string, *>} [attributes]
 * @param {...(Node|string|null|Array)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG_NAMESPACE, tag), attributes, children);
}

/**
 * Set an attribute if it is another one than before; null, undefined and false remove it.
 * @param {Element} element
 * @param {string} name
 * @param {*} value
 */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) {
      element.removeAttribute(name);
    }
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) {
    element.setAttribute(name, text);
  }
}

/**
 * Write a text into an element that holds nothing else, without making a node if there is one.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  const node = element.firstChild;
  if (node === null) {
    if (text !== "") {
      element.append(text);
    }
  } else if (node.nodeType === Node.TEXT_NODE && node.nextSibling === null) {
    if (node.data !== text) {
      node.data = text;
    }
  } else {
    element.textContent = text;
  }
}

/**
 * Give a name that no other element of this page has.
 * @param {string} prefix
 * @returns {string}
 */
export function newId(prefix) {
  idsGiven += 1;
  return `cs-${prefix}-${idsGiven}`;
}

function furnish(element, { on, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(element, name, value);
  }
  for (const [event, listener] of Object.entries(on ?? {})) {
    element.addEventListener(event, listener);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
