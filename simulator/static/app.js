// Puts the page together: state from /sim/state, then live events; whatever changes is drawn where it is shown.
import { call, listen } from "./api.js";
import { avatar, byId, icon, say } from "./dom.js";
import { drawChats, personDialog, unread } from "./chatlist.js";
import { drawLog, drawTyping, prepareView, putBubble } from "./chatview.js";
import { fill, prepareComposer, suggest } from "./composer.js";
import { openPicker, preparePicker } from "./picker.js";
import { preparePanel, refreshSoon, setCurrency, showMember } from "./panel.js";

const TYPING = 25_000; // Meta: the dots go with the reply, or after 25 s
const ICONS = {
  "new-customer": "add", "show-people": "people", send: "send", attach: "attach", newest: "down", refresh: "refresh",
  "picker-close": "close",
};
const chats = new Map();
let templates = {};
let current = null;
let trouble = "";
let hint = "";

const chat = () => chats.get(current);
const around = { bubble: (id) => chat()?.bubbles.get(id), get templates() { return templates; } };
const act = {
  tap: (bubble, id, title) => send("/tap", { message: bubble.id, id, title }),
  pick: (bubble) => openPicker(bubble),
  media: (kind, replyTo) => share(kind, replyTo),
};

async function send(path, body) {
  try {
    await call("POST", `/chats/${encodeURIComponent(current)}${path}`, body);
    return true;
  } catch (error) {
    notice(error.message);
    return false;
  }
}

function share(kind, replyTo) {
  const phone = kind === "contact" && !chat().phone ? window.prompt("Which number do you share?", "+39") : undefined;
  if (phone !== null) send("/media", { kind, reply_to: replyTo, phone });
}

async function write(words) {
  hint = "";
  notice();
  if (!(await send("/text", { text: words }))) fill(words);
}

function notice(line = "") {
  say(byId("notice"), line || trouble || hint);
}

function choose(key) {
  current = key;
  history.replaceState(null, "", `#${encodeURIComponent(key)}`);
  drawer("");
  drawLog(chat(), act, around);
  drawHead();
  drawList();
  showMember(chat());
  look();
}

/** On a phone: which side covers the chat, "people", "panel" or none. */
function drawer(side) {
  byId("app").dataset.drawer = side;
}

function drawList() {
  drawChats(chats, current, choose);
}

function drawHead() {
  byId("presence").textContent = chat().typing ? "typing…" : `you are ${chat().name}`;
  const isNew = ![...chat().bubbles.values()].some((bubble) => bubble.side === "out");
  suggest(isNew ? chat().language : null, write);
}

function look() {
  if (unread(chat()) > 0 && document.visibilityState === "visible") send("/open", {});
}

function typing(key, on) {
  const typist = chats.get(key);
  clearTimeout(typist.timer);
  if (Boolean(typist.typing) === on && !on) return;
  typist.typing = on;
  if (on) typist.timer = setTimeout(() => typing(key, false), TYPING);
  if (key === current) {
    drawTyping(on);
    drawHead();
  }
  drawList();
}

// Having been seen shows nowhere; drawing it anew would only make pictures flicker.
const looksOther = (a, b) => a.ticks !== b.ticks || a.failure !== b.failure || a.reaction !== b.reaction;

function enter(data) {
  chats.set(data.key, { ...data, bubbles: new Map(data.bubbles.map((bubble) => [bubble.id, bubble])) });
}

const EVENTS = {
  chat: ({ chat: data }) => {
    if (!chats.has(data.key)) enter(data);
    drawList();
  },
  typing: ({ chat: key }) => typing(key, true),
  webhook: ({ ok, detail }) => {
    trouble = ok ? "" : detail;
    notice();
  },
  bubble: ({ chat: key, bubble }) => {
    const owner = chats.get(key);
    const before = owner.bubbles.get(bubble.id);
    const isNew = !before;
    owner.bubbles.set(bubble.id, bubble);
    if (isNew && bubble.side === "in") typing(key, false);
    if (key === current) {
      if (isNew || looksOther(before, bubble)) putBubble(bubble, act, around);
      if (isNew) {
        drawHead();
        refreshSoon();
        look();
      }
    }
    drawList();
  },
};

async function load() {
  const state = await call("GET", "/state");
  templates = state.templates;
  trouble = state.webhook.ok ? "" : state.webhook.detail;
  chats.clear();
  state.chats.forEach(enter);
  byId("business-name").textContent = state.business.name;
  avatar(byId("business-avatar"), state.business.name);
  document.title = `${state.business.name} · WhatsApp simulator`;
  setCurrency(state.currency);
  notice();
}

function start() {
  for (const [id, drawing] of Object.entries(ICONS)) byId(id).append(icon(drawing));
  for (const closer of document.querySelectorAll("[data-close-drawer]")) {
    if (closer.matches("button")) closer.append(icon("close"));
    closer.addEventListener("click", () => drawer(""));
  }
  byId("show-people").addEventListener("click", () => drawer("people"));
  byId("show-panel").addEventListener("click", () => drawer("panel"));
  document.addEventListener("keydown", (event) => event.key === "Escape" && drawer(""));
  document.addEventListener("visibilitychange", () => current && look());
  prepareView();
  prepareComposer(write, share);
  preparePicker((bubble, id) => act.tap(bubble, id));
  preparePanel();

  const words = new URLSearchParams(location.search).get("text");
  const wanted = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", `/${location.hash}`);
  if (words) {
    hint = "This text comes from a link. Choose who opens it (or add somebody), then send.";
    fill(words);
  }
  personDialog(async (key) => {
    if (!chats.has(key)) await load();
    choose(key);
    byId("composer").focus();
  });

  let waiting = []; // events that arrive while the state is on its way; applying one twice does no harm
  const handle = (event) => EVENTS[event.event]?.(event);
  listen((event) => (waiting ? waiting.push(event) : handle(event)), async () => {
    await load();
    const first = chats.keys().next().value;
    const key = [current, wanted, first].find((each) => chats.has(each));
    if (key) choose(key);
    const late = waiting;
    waiting = null;
    late.forEach(handle);
  }, () => {
    waiting = [];
    notice("The simulator does not answer. Is it still running?");
  });
}

start();
