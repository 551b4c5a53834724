// The customers on the left: last message, unread counter, language; and the dialog that adds one.
import { call } from "./api.js";
import { avatar, byId, el, say } from "./dom.js";
import { dayName, time } from "./format.js";
import { preview } from "./bubble.js";

const list = byId("chats");

/** What the business wrote and nobody looked at. */
export const unread = (chat) =>
  [...chat.bubbles.values()].filter((each) => each.side === "in" && !each.seen && !each.failure).length;

/** Draw the list; the newest conversation stays where it is, so that nothing jumps under the pointer. */
export function drawChats(chats, current, choose) {
  const focused = document.activeElement?.dataset?.chat;
  list.replaceChildren(...[...chats.values()].map((chat) => line(chat, chat.key === current, choose)));
  if (focused) list.querySelector(`[data-chat="${CSS.escape(focused)}"]`)?.focus();
}

function line(chat, isCurrent, choose) {
  const last = [...chat.bubbles.values()].at(-1);
  const count = unread(chat);
  const when = last && (dayName(last.at) === "Today" ? time(last.at) : dayName(last.at));
  const who = last?.failure ? "⚠ " : last?.side === "out" ? "You: " : "";
  const text = chat.typing ? "typing…" : last ? who + preview(last) : "No messages yet";
  const attributes = { type: "button", class: "chat", "data-chat": chat.key, "aria-current": isCurrent && "true" };
  return el("li", {}, el("button", { ...attributes, onclick: () => choose(chat.key) },
  avatar(el("span", { class: "avatar", "aria-hidden": "true" }), chat.name),
  el("span", { class: "chat-name", dir: "auto" }, chat.name),
  el("span", { class: "flag", title: "Language" }, chat.language.toUpperCase()),
  el("span", { class: "chat-time" }, when),
  el("span", { class: `chat-last${chat.typing ? " typing" : ""}`, dir: "auto" }, text),
  count > 0 && el("span", { class: "badge", "aria-label": `${count} unread` }, String(count))));
}

/** Let the dialog add somebody; `added` gets the new chat's key. */
export function personDialog(added) {
  const dialog = byId("person");
  const form = dialog.querySelector("form");
  const identity = () => form.elements.identity.value;
  const adapt = () => {
    byId("person-phone-row").hidden = identity() !== "phone";
    byId("person-phone").required = identity() === "phone";
  };
  for (const radio of form.elements.identity) radio.addEventListener("change", adapt);
  byId("person-cancel").addEventListener("click", () => dialog.close());
  byId("new-customer").addEventListener("click", () => {
    form.reset();
    say(byId("person-error"), "");
    adapt();
    dialog.showModal();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const person = { name: byId("person-name").value, language: byId("person-language").value };
    if (identity() === "phone") person.phone = byId("person-phone").value;
    try {
      const chat = await call("POST", "/chats", person);
      dialog.close();
      added(chat.key);
    } catch (error) {
      say(byId("person-error"), error.message);
    }
  });
}
