// Building the page: every text goes through textContent, so a message can never become markup.

/** `el("p", {class: "x", onclick: f, "data-id": "7"}, "text", child)`: an element; empty children are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => ![undefined, null, false, ""].includes(child)));
  return element;
}

export const byId = (id) => document.getElementById(id);

const ICONS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-8-6 16-3-6.5z",
  attach: "M12 5v14M5 12h14",
  down: "M6 9l6 6 6-6",
  refresh: "M19 8a8 8 0 1 0 1 6M19 3v5h-5",
  people: "M9 11a3.5 3.5 0 1 0-.1 0M2.5 20c.5-9 12.5-9 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14c2.5 1 3.5 3 3.5 6",
  list: "M8 7h12M8 12h12M8 17h12M4 7h.1M4 12h.1M4 17h.1",
  reply: "M10 6L4 12l6 6M4 12h9c4 0 7 2 7 6",
  open: "M14 4h6v6M20 4l-9 9M18 14v5H5V6h5",
  pin: "M12 21c-5-6-7-9-7-12a7 7 0 0 1 14 0c0 3-2 6-7 12zM12 11.5a2.5 2.5 0 1 0-.1 0",
  mic: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3M6 11a6 6 0 0 0 12 0M12 17v4",
  photo: "M4 6h4l2-2h4l2 2h4v13H4zM12 16a3.5 3.5 0 1 0-.1 0",
  film: "M4 6h11v12H4zM15 11l5-3v8l-5-3",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  sticker: "M4 5h16v9l-6 6H4zM14 20v-6h6",
  poll: "M6 20v-8M12 20V4M18 20v-5",
  card: "M3 6h18v13H3zM8 12a2 2 0 1 0-.1 0M5 17c.5-4 5.5-4 6 0M14 10h4M14 14h4",
  play: "M8 5l11 7-11 7z",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.1",
  one: "M5 13l4 4L18 7",
  two: "M2 13l4 4 9-10M11 16l1 1 9-10",
};

/** A line drawing; decorative, so hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Show one line in `element`, or hide it if there is none. */
export function say(element, line) {
  element.textContent = line || "";
  element.hidden = !line;
}

const HUES = [168, 205, 262, 330, 20, 45, 95];

/** Two letters on a colour that stays the same for a name. */
export function avatar(element, name) {
  const words = name.replace(/^\+/, "").split(/\s+/u).filter(Boolean);
  element.textContent = words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
  const sum = [...name].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 9973, 7);
  element.style.setProperty("--hue", HUES[sum % HUES.length]);
  return element;
}
