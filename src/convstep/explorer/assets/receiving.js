// Files that are dropped onto the page or pasted into it: images for the view, networks and states for whoever opens them.
// One rule: what a file is, its content says, not where it fell; and a notebook around the page keeps what is meant for it.

const LISTENERS = ["dragenter", "dragover", "dragleave", "drop"];
const ROUTED = "convstep-file"; // the event that says what was received
const HEAD = 256; // bytes that tell what a file is

/**
 * Say what a file is.
 * @param {File} file
 * @returns {Promise<"network"|"state"|"image">} an image if it is nothing else: whether it can be read is another question
 */
export async function kindOfFile(file) {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const name = file.name ?? "";
  if (/\.convstep$/i.test(name) || String.fromCharCode(...head.subarray(0, 4)) === "PK\x03\x04") {
    return "network";
  }
  return /\.json$/i.test(name) || /^\uFEFF?\s*[{[]/.test(new TextDecoder().decode(head)) ? "state" : "image";
}

/**
 * Hand a file to whom it is for.
 * @param {HTMLElement} element in the page
 * @param {File} file
 * @param {(file: File) => void} [receive] takes it if it is an image
 */
export async function routeFile(element, file, receive) {
  const kind = await kindOfFile(file);
  if (kind === "image" && receive !== undefined) {
    receive(file);
  } else {
    element.dispatchEvent(new CustomEvent(ROUTED, { detail: { kind, file }, bubbles: true }));
  }
}

/**
 * Receive image files for as long as an element is in sight.
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
      routeFile(element, file, receive);
    }
  };
  const drag = (event) => {
    if (!hasFiles(event)) {
      return;
    }
    event.preventDefault();
    target.classList.toggle("cs-receiving", event.type === "dragenter" || event.type === "dragover");
    const [file] = event.dataTransfer.files;
    if (event.type === "drop" && file !== undefined) {
      event.stopPropagation();
      routeFile(element, file, receive);
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

/**
 * Open what is dropped anywhere on the page and is no image of the view: the views hand it up, and the rest falls here.
 * @param {HTMLElement} element the whole page
 * @param {{ network: (file: File) => void, state: (file: File) => void, image: (file: File) => void }} openers
 */
export function openFiles(element, openers) {
  element.addEventListener(ROUTED, ({ detail }) => openers[detail.kind](detail.file));
  element.addEventListener("dragover", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
    }
  });
  element.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer?.files ?? [];
    if (file !== undefined) {
      event.preventDefault();
      routeFile(element, file);
    }
  });
}

function hasFiles(event) {
  return Boolean(event.dataTransfer?.types.includes("Files"));
}
