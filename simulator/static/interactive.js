// Buttons, lists, links and templates of the business. Taps send ids; the simulator looks the words up itself.
import { el, icon } from "./dom.js";
import { target, textBlock } from "./format.js";
import { mediaParts } from "./media.js";

const label = (text) => el("span", { dir: "auto" }, text);

function inside(drawing, text, attributes) {
  return el("button", { type: "button", class: "inside", ...attributes }, icon(drawing), label(text));
}

function replyButton(bubble, id, title, act) {
  const tap = () => act.tap(bubble, id, title);
  const attributes = { type: "button", class: "reply", "data-reply-id": id, onclick: tap };
  return el("button", attributes, icon("reply"), label(title));
}

function linkButton(text, address) {
  const attributes = { class: "inside", href: target(address), target: "_blank", rel: "noopener noreferrer" };
  return el("a", attributes, icon("open"), label(text));
}

/** The parts of an interactive message: `media` and `texts` in the card, `below` at its foot, `replies` under it. */
export function interactiveParts(bubble, act) {
  const message = bubble.content.interactive;
  const header = message.header;
  const parts = { media: [], texts: [], below: [], replies: [] };
  if (header?.type === "text") parts.texts.push(textBlock(header.text, "header"));
  else if (header) parts.media = mediaParts(header, header.type).media;
  if (message.body) parts.texts.push(textBlock(message.body.text));
  if (message.footer) parts.texts.push(textBlock(message.footer.text, "footer"));
  const action = message.action;
  if (message.type === "button") {
    parts.replies = action.buttons.map(({ reply }) => replyButton(bubble, reply.id, reply.title, act));
  } else if (message.type === "list") {
    const attributes = { "data-list": bubble.id, "aria-haspopup": "dialog", onclick: () => act.pick(bubble) };
    parts.below.push(inside("list", action.button, attributes));
  } else if (message.type === "cta_url") {
    parts.below.push(linkButton(action.parameters.display_text, action.parameters.url));
  } else if (message.type === "location_request_message") {
    parts.below.push(inside("pin", "Send location", { onclick: () => act.media("location", bubble.id) }));
  } else if (message.type === "request_contact_info") {
    parts.below.push(inside("card", "Share contact info", { onclick: () => act.media("contact", bubble.id) }));
  } else {
    const words = action.parameters?.flow_cta || message.type.replaceAll("_", " ");
    parts.below.push(inside("open", `${words} (not in the simulator)`, { disabled: true }));
  }
  return parts;
}

/** A template: its words if the simulator was told them, else its parameters. */
export function templateParts(bubble, act, templates) {
  const { name, language, components = [] } = bubble.content.template;
  const words = templates[name]?.[language.code] || templates[name]?.[language.code.split("_")[0]];
  const of = (type) => components.find((component) => component.type.toLowerCase() === type)?.parameters || [];
  const parts = { media: [], texts: [], below: [], replies: [] };
  const picture = of("header").find((parameter) => ["image", "video", "document"].includes(parameter.type));
  if (picture) parts.media = mediaParts(picture, picture.type).media;
  const header = filled(words?.header, of("header"));
  if (header) parts.texts.push(textBlock(header, "header"));
  parts.texts.push(textBlock(filled(words?.body, of("body")) || values(of("body")).join("\n") || `Template ${name}`));
  parts.texts.push(textBlock(words?.footer || `Template ${name}, ${language.code}`, "footer"));
  for (const component of components.filter((each) => each.type === "button")) {
    const title = words?.buttons?.[Number(component.index)];
    const [parameter] = component.parameters || [];
    if (component.sub_type === "quick_reply" && parameter?.payload) {
      parts.replies.push(replyButton(bubble, parameter.payload, title || parameter.payload, act));
    } else if (parameter) {
      const fallback = `${component.sub_type} ${parameter.text || parameter.coupon_code || ""}`;
      parts.below.push(inside("open", title || fallback, { disabled: true }));
    }
  }
  return parts;
}

function values(parameters) {
  const shown = (each) => each.text ?? each.currency?.fallback_value ?? each.date_time?.fallback_value ?? "";
  return parameters.map(shown).filter(Boolean);
}

function filled(words, parameters) {
  if (!words) return "";
  const positional = values(parameters.filter((each) => !each.parameter_name));
  const named = new Map(parameters.map((each) => [each.parameter_name, each.text]));
  return words.replace(/\{\{\s*(\w+)\s*\}\}/gu, (whole, key) => named.get(key) ?? positional[Number(key) - 1] ?? whole);
}
