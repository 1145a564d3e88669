// Files that are dropped onto a view or pasted into it.
// One rule: a notebook around the page keeps what is meant for it.

const LISTENERS = ["dragenter", "dragover", "dragleave", "drop"];

/**
 * Receive files for as long as an element is in sight.
 * @param {HTMLElement} element
 * @param {(file: File) => void} receive
 * @returns {() => void} stops it
 */
export function receiveFiles(element, receive) {
  let target = null;
  const paste = (event) => {
    const root = element.closest(".cs-root");
    const here = root !== null && (root.contains(event.target) || (event.target === document.body && document.body.matches(".cs-body")));
    const [file] = event.clipboardData?.files ?? [];
    if (here && file !== undefined && element.offsetParent !== null) {
      event.preventDefault();
      receive(file);
    }
  };
  const drag = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) {
      return;
    }
    event.preventDefault();
    target.classList.toggle("cs-receiving", event.type === "dragenter" || event.type === "dragover");
    const [file] = event.dataTransfer.files;
    if (event.type === "drop" && file !== undefined) {
      event.stopPropagation();
      receive(file);
    }
  };
  // the element is put into the page after it was made
  const frame = requestAnimationFrame(() => {
    target = element.closest(".cs-panel") ?? element;
    LISTENERS.forEach((type) => target.addEventListener(type, drag));
  });
  document.addEventListener("paste", paste);
  return () => {
    cancelAnimationFrame(frame);
    document.removeEventListener("paste", paste);
    LISTENERS.forEach((type) => target?.removeEventListener(type, drag));
  };
}
