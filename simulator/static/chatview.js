// The messages of the chosen chat: date chips, bubbles, the three dots, and where to scroll.
import { byId, el } from "./dom.js";
import { dayName } from "./format.js";
import { bubbleElement } from "./bubble.js";

const log = byId("log");
const lines = byId("lines");
const newest = byId("newest");
let lastDay = "";
let stuck = true; // the reader is at the end, so what grows there is followed
let lastTop = 0;

/** Wire scrolling. */
export function prepareView() {
  newest.addEventListener("click", () => toEnd(true));
  log.addEventListener("scroll", () => {
    // Only moving up leaves the end: when something grows below, the position stays and the end moves away.
    if (log.scrollHeight - log.scrollTop - log.clientHeight < 60) stuck = true;
    else if (log.scrollTop < lastTop) stuck = false;
    lastTop = log.scrollTop;
    newest.hidden = stuck;
  }, { passive: true });
  // New messages, pictures that finish loading, a phone's keyboard: whatever changes the height.
  const observer = new ResizeObserver(() => stuck && toEnd());
  observer.observe(log);
  observer.observe(lines);
}

function toEnd(smooth = false) {
  log.scrollTo({ top: log.scrollHeight, behavior: smooth ? "smooth" : "instant" });
}

/** Draw everything anew. */
export function drawLog(chat, act, around) {
  lines.replaceChildren();
  lastDay = "";
  stuck = true;
  lastTop = 0;
  newest.hidden = true;
  for (const bubble of chat.bubbles.values()) append(bubble, act, around);
  drawTyping(chat.typing);
  toEnd();
}

/** Add `bubble`, or replace the one of its id. */
export function putBubble(bubble, act, around) {
  const old = lines.querySelector(`[data-id="${CSS.escape(bubble.id)}"]`);
  if (old) {
    const focused = document.activeElement?.dataset?.replyId;
    const inside = old.contains(document.activeElement);
    const changed = bubbleElement(bubble, act, around);
    changed.classList.toggle("follows", old.classList.contains("follows"));
    old.replaceWith(changed);
    if (inside && focused) changed.querySelector(`[data-reply-id="${CSS.escape(focused)}"]`)?.focus();
    return;
  }
  if (bubble.side === "out") stuck = true;
  append(bubble, act, around).classList.add("fresh");
  const dots = lines.querySelector(".typing-dots");
  if (dots) lines.append(dots);
  if (stuck) toEnd();
}

/** Show or hide the three dots. */
export function drawTyping(on) {
  lines.querySelector(".typing-dots")?.remove();
  if (!on) return;
  lines.append(el("div", { class: "typing-dots", role: "img", "aria-label": "typing" }, el("i"), el("i"), el("i")));
  if (stuck) toEnd();
}

function append(bubble, act, around) {
  const day = dayName(bubble.at);
  if (day !== lastDay) lines.append(el("p", { class: "day" }, el("span", {}, day)));
  lastDay = day;
  const element = bubbleElement(bubble, act, around);
  if (lines.lastElementChild?.matches(`.bubble.${bubble.side}`)) element.classList.add("follows");
  lines.append(element);
  return element;
}
