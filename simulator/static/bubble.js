// One message as <article class="bubble in|out"><div class="card">…</div><div class="replies">…</div></article>.
import { el, icon } from "./dom.js";
import { isRtl, plain, textBlock, time } from "./format.js";
import { mediaParts } from "./media.js";
import { interactiveParts, templateParts } from "./interactive.js";

const TICKS = [["", "waiting"], ["one", "sent"], ["two", "delivered"], ["two", "read"]];

/** The element for `bubble`; `act` has what a tap does, `around` finds the message a reply quotes and the templates. */
export function bubbleElement(bubble, act, around) {
  const parts = partsOf(bubble, act, around);
  const { context } = bubble.content;
  const quoted = context && around.bubble(context.id || context.message_id);
  const tail = parts.texts.at(-1);
  const meta = metaOf(bubble);
  const card = el("div", { class: "card" },
    quoted && quote(quoted),
    ...(parts.media || []),
    ...parts.texts.slice(0, -1),
    el("div", { class: `tail${tail && isRtl(tail.textContent) ? " rtl" : ""}${tail ? "" : " bare"}` }, tail, meta),
    ...(parts.below || []));
  return el("article", {
    class: `bubble ${bubble.side}${bubble.failure ? " failed" : ""}`, "data-id": bubble.id, "data-ticks": bubble.ticks,
    "data-kind": bubble.content.type || "text",
  },
  card,
  bubble.reaction && el("span", { class: "reaction", "aria-label": `Reaction ${bubble.reaction}` }, bubble.reaction),
  parts.replies?.length > 0 && el("div", { class: "replies" }, ...parts.replies),
  bubble.failure && el("p", { class: "failure" }, icon("warn"), bubble.failure));
}

/** What stands in the list of chats and in quotes. */
export const preview = (bubble) => plain(String(gist(bubble)));

function gist(bubble) {
  const content = bubble.content;
  const type = content.type || "text";
  const part = content[type] || {};
  if (type === "text" || type === "button") return part.body || part.text || "";
  if (type === "interactive") return part.body?.text || (part.button_reply || part.list_reply)?.title || part.type;
  if (type === "template") return `Template ${part.name}`;
  return part.caption || { audio: "🎤 Voice message", image: "📷 Photo", video: "🎬 Video", document: "📄 Document",
    sticker: "Sticker", location: "📍 Location", contacts: "👤 Contact", unsupported: "📊 Poll" }[type] || type;
}

function partsOf(bubble, act, around) {
  const content = bubble.content;
  const type = content.type || "text";
  if (type === "text") return { texts: [textBlock(content.text.body)] };
  if (type === "button") return { texts: [textBlock(content.button.text)] };
  if (type === "interactive") {
    const reply = content.interactive.button_reply || content.interactive.list_reply;
    if (!reply) return interactiveParts(bubble, act);
    const description = reply.description ? [textBlock(reply.description, "footer")] : [];
    return { texts: [textBlock(reply.title), ...description] };
  }
  if (type === "template") return templateParts(bubble, act, around.templates);
  return mediaParts(content, type);
}

function metaOf(bubble) {
  const meta = el("span", { class: "meta" }, el("time", {}, time(bubble.at)));
  if (bubble.side === "out") {
    const [drawing, label] = TICKS[bubble.ticks];
    meta.append(el("span", { class: `ticks ${label}`, role: "img", "aria-label": label }, drawing && icon(drawing)));
  }
  return meta;
}

function quote(bubble) {
  const name = bubble.side === "out" ? "You" : document.getElementById("business-name").textContent;
  return el("div", { class: `quote ${bubble.side}` },
    el("b", { dir: "auto" }, name), el("span", { dir: "auto" }, preview(bubble)));
}
