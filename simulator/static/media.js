// Pictures, voice notes, places and the like. The customer's own are placeholders: there is no file behind them.
import { el, icon } from "./dom.js";
import { textBlock } from "./format.js";

/** The parts of a media message: `media` elements and `texts`. */
export function mediaParts(content, type) {
  const part = content[type] || {};
  const texts = part.caption ? [textBlock(part.caption)] : [];
  const build = BUILDERS[type];
  return { media: [build ? build(part) : note("warn", `A message of type ${type}`)], texts };
}

const note = (name, text, extra) => el("div", { class: "note" }, icon(name), el("span", { dir: "auto" }, text, extra));

function placeholder(name, text) {
  return el("div", { class: "picture", role: "img", "aria-label": text }, icon(name), el("span", {}, text));
}

function picture(part) {
  if (!part.link) return placeholder("photo", part.id && part.url ? "Photo" : `Picture ${part.id || ""}`);
  const image = el("img", { src: part.link, alt: part.caption || "Picture", referrerpolicy: "no-referrer" });
  image.addEventListener("error", () => image.replaceWith(placeholder("photo", part.link)));
  return el("div", { class: "picture" }, image);
}

function voice() {
  const bars = Array.from({ length: 28 }, (_, n) => {
    const bar = el("i");
    bar.style.height = `${4 + Math.abs(Math.round(14 * Math.sin(n * 1.7) * Math.cos(n * 0.6)))}px`;
    return bar;
  });
  return el("div", { class: "voice", role: "img", "aria-label": "Voice message" },
    icon("play"), el("span", { class: "wave" }, ...bars), el("span", { class: "length" }, "0:07"));
}

function place(part) {
  return el("div", { class: "place" }, el("div", { class: "map", "aria-hidden": "true" }, icon("pin")),
    el("div", { class: "text", dir: "auto" }, part.name || `${part.latitude}, ${part.longitude}`));
}

function contact(cards) {
  return el("div", {}, ...cards.map((card) => note("card", card.name?.formatted_name || "Contact",
    el("small", {}, (card.phones || []).map((phone) => phone.phone).join(", ")))));
}

const BUILDERS = {
  image: picture,
  video: () => placeholder("film", "Video"),
  document: (part) => note("file", part.filename || part.link || "Document"),
  audio: voice,
  sticker: () => el("div", { class: "sticker", role: "img", "aria-label": "Sticker" }, "🌟"),
  location: place,
  contacts: contact,
  unsupported: () => note("poll", "Poll"),
};
