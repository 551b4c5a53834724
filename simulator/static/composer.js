// The typing box, the attach menu and the suggestions.
import { byId, el, icon } from "./dom.js";

const box = byId("composer");
const menu = byId("attach-menu");
const attach = byId("attach");

const KINDS = [["photo", "photo", "Photo"], ["voice", "mic", "Voice message"], ["location", "pin", "Location"],
  ["document", "file", "Document"], ["sticker", "sticker", "Sticker"], ["poll", "poll", "Poll"]];

const SUGGESTIONS = [["en", "how many points do I have"], ["it", "quanti punti ho?"], ["es", "¿cuántos puntos tengo?"],
  ["fr", "combien de points j'ai ?"], ["ar", "كم عدد نقاطي؟"]];

/** Wire the box; `text(words)` and `media(kind)` send. */
export function prepareComposer(text, media) {
  const submit = () => {
    const words = box.value.trim();
    if (!words) return;
    fill("");
    text(words);
  };
  byId("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
    box.focus();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  box.addEventListener("input", grow);
  prepareMenu(media);
}

/** Put `words` into the box, ready to be sent. */
export function fill(words) {
  box.value = words;
  grow();
}

/** Offer the first sentences, the chat's own language first; `null` hides them. */
export function suggest(language, send) {
  const group = byId("suggestions");
  group.hidden = language === null;
  const sorted = SUGGESTIONS.toSorted((a, b) => (b[0] === language) - (a[0] === language));
  group.replaceChildren(...(language === null ? [] : sorted.map(([lang, words]) =>
    el("button", { type: "button", class: "suggestion", lang, dir: "auto", onclick: () => send(words) }, words))));
}

function grow() {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 130)}px`;
}

function prepareMenu(media) {
  const show = (open) => {
    menu.hidden = !open;
    attach.setAttribute("aria-expanded", String(open));
    if (open) menu.firstElementChild.focus();
  };
  menu.append(...KINDS.map(([kind, drawing, label]) => el("button", {
    type: "button", role: "menuitem", "data-media": kind, onclick: () => {
      show(false);
      attach.focus();
      media(kind);
    },
  }, icon(drawing), label)));
  attach.addEventListener("click", () => show(menu.hidden));
  menu.addEventListener("keydown", (event) => {
    const items = [...menu.children];
    const here = items.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      items[(here + step + items.length) % items.length].focus();
    } else if (event.key === "Escape") {
      show(false);
      attach.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !event.target.closest(".attach")) show(false);
  });
}
