// The list picker: a sheet from below with the rows of a list message, one to choose, and a button to send it.
import { byId, el } from "./dom.js";

const dialog = byId("list-picker");
const rows = byId("picker-rows");
const send = byId("picker-send");

/** Wire the dialog; `chosen(bubble, id)` runs when a row is sent. */
export function preparePicker(chosen) {
  byId("picker-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
  rows.addEventListener("change", () => {
    send.disabled = false;
  });
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const row = rows.querySelector("input:checked");
    if (!row) return;
    dialog.close();
    chosen(dialog.bubble, row.value);
  });
}

/** Open it for the list message `bubble`. */
export function openPicker(bubble) {
  const action = bubble.content.interactive.action;
  dialog.bubble = bubble;
  byId("picker-title").textContent = action.button;
  send.disabled = true;
  rows.replaceChildren(...action.sections.map((section, number) =>
    el("fieldset", { class: "section" },
      section.title && el("legend", { dir: "auto" }, section.title),
      ...section.rows.map((row, place) => rowElement(row, `row-${number}-${place}`)))));
  dialog.showModal();
  rows.scrollTop = 0;
}

function rowElement(row, id) {
  return el("label", { class: "row", for: id, "data-reply-id": row.id },
    el("span", { class: "row-text" },
      el("span", { class: "row-title", dir: "auto" }, row.title),
      row.description && el("span", { class: "row-description", dir: "auto" }, row.description)),
    el("input", { type: "radio", name: "row", id, value: row.id }));
}
