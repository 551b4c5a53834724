// WhatsApp's text formatting: *bold* _italic_ ~strike~ `code` ```block``` and links, as nodes and never as markup.
import { el } from "./dom.js";

const WORD = "\\p{L}\\p{N}";
const between = (mark) =>
  new RegExp(`(?<![${WORD}${mark}])${mark}(?=[^\\s${mark}])([^\\n]*?[^\\s])${mark}(?![${WORD}])`, "u");

const RULES = [
  { pattern: /```([\s\S]+?)```/u, build: (match) => el("code", { class: "wide" }, match[1]) },
  { pattern: /`([^`\n]+)`/u, build: (match) => el("code", {}, match[1]) },
  { pattern: /(?:https?:\/\/|\bwww\.|\bwa\.me\/)[^\s<>"]*[^\s<>".,;:!?'»)\]*_~]/iu, build: (match) => link(match[0]) },
  { pattern: between("\\*"), build: (match) => el("strong", {}, formatted(match[1])) },
  { pattern: between("_"), build: (match) => el("em", {}, formatted(match[1])) },
  { pattern: between("~"), build: (match) => el("s", {}, formatted(match[1])) },
];

/** The text as a fragment. */
export function formatted(text) {
  const fragment = document.createDocumentFragment();
  let rest = text;
  while (rest) {
    let first = null;
    for (const rule of RULES) {
      const match = rule.pattern.exec(rest);
      if (match && (first === null || match.index < first.match.index)) first = { match, rule };
    }
    if (first === null) break;
    fragment.append(rest.slice(0, first.match.index), first.rule.build(first.match));
    rest = rest.slice(first.match.index + first.match[0].length);
  }
  fragment.append(rest);
  return fragment;
}

function link(written) {
  return el("a", { href: target(written), target: "_blank", rel: "noopener noreferrer" }, written);
}

/** A text block in its own direction, whatever the page's. */
export function textBlock(text, kind = "text") {
  return el("div", { class: kind, dir: "auto" }, formatted(text));
}

/** The words without their formatting marks, for one-line previews. */
export const plain = (text) => text.replace(/(?<![\p{L}\p{N}])([*_~`]+)(?=\S)([^\n]*?\S)\1(?![\p{L}\p{N}])/gu, "$2");

/** Where a link leads: chats open here instead of at wa.me, which may be out of reach and knows nothing of the demo. */
export function target(written) {
  const address = /^https?:/iu.test(written) ? written : `https://${written}`;
  let url;
  try {
    url = new URL(address);
  } catch {
    return "#";
  }
  const digits = /^(www\.)?wa\.me$/u.test(url.host) ? url.pathname.slice(1)
    : url.host === "api.whatsapp.com" ? url.searchParams.get("phone") : null;
  if (!digits || !/^\+?\d+$/u.test(digits)) return url.href;
  return `/wa/${digits}?text=${encodeURIComponent(url.searchParams.get("text") || "")}`;
}

const RTL = /^[^\p{L}]*[\p{Script=Arabic}\p{Script=Hebrew}]/u;

/** Does the text begin in a right-to-left script? */
export const isRtl = (text) => RTL.test(text);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** 14:05 */
export const time = (seconds) => clock.format(new Date(seconds * 1000));

/** Today, Yesterday, or the date. */
export function dayName(seconds, now = new Date()) {
  const date = new Date(seconds * 1000);
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const ago = Math.ceil((midnight - date) / 86_400_000);
  if (ago <= 0) return "Today";
  return ago === 1 ? "Yesterday" : day.format(date);
}
