// The member's card on the right: what the service says about whoever is chosen, and the till.
import { call } from "./api.js";
import { byId, el, say } from "./dom.js";
import { target } from "./format.js";

const FIGURES = ["pending", "held", "debt", "lifetime"];
const card = byId("card");
const more = byId("more");
const ledger = byId("ledger");
let current = null;
let asked = 0;
let timer = 0;

/** The till's currency. */
export function setCurrency(currency) {
  byId("currency").textContent = currency;
}

/** Wire the till and the refresh button. */
export function preparePanel() {
  byId("refresh").addEventListener("click", () => load());
  byId("till").addEventListener("submit", async (event) => {
    event.preventDefault();
    const buy = byId("buy");
    buy.disabled = true;
    byId("bought").textContent = "";
    try {
      const amount = byId("amount").value.trim();
      const { points } = await call("POST", "/purchase", { chat: current.key, amount });
      const earned = typeof points === "number" ? ` ${number(points)} points.` : "";
      byId("bought").textContent = `Bought for ${amount} ${byId("currency").textContent}.${earned}`;
      await load();
    } catch (error) {
      say(byId("panel-error"), error.message);
    } finally {
      buy.disabled = false;
    }
  });
}

/** Show the card of `chat`. */
export function showMember(chat) {
  if (current?.key !== chat.key) {
    clear();
    byId("bought").textContent = "";
    say(byId("panel-error"), "");
  }
  current = chat;
  byId("panel-name").textContent = chat.name;
  byId("panel-address").textContent = [chat.phone, chat.user_id].filter(Boolean).join(" · ");
  load();
}

/** Ask again, once things have calmed down: a reply comes as several events. */
export function refreshSoon() {
  clearTimeout(timer);
  timer = setTimeout(load, 250);
}

async function load() {
  if (!current) return;
  const mine = ++asked;
  const query = `?chat=${encodeURIComponent(current.key)}`;
  try {
    const [member, entries] = await Promise.all([call("GET", `/member${query}`), call("GET", `/ledger${query}`)]);
    if (mine !== asked) return; // somebody else was chosen meanwhile
    say(byId("panel-error"), "");
    if (member.stranger) {
      clear();
      card.append(el("p", { class: "stranger" }, "Not a member yet. A first message, or a purchase, changes that."));
      return;
    }
    drawCard(member);
    drawLedger(entries.entries || []);
  } catch (error) {
    if (mine === asked) say(byId("panel-error"), error.message);
  }
}

function clear() {
  for (const part of [card, more, ledger]) part.replaceChildren();
  byId("show-panel").textContent = "Card";
}

function drawCard(member) {
  const points = member.points || {};
  const tier = member.tier?.id ? member.tier : null;
  byId("show-panel").textContent = `${points.available ?? "–"} pts`;
  card.replaceChildren(
    el("section", { class: "points-card" },
      el("p", { class: "points-line" }, el("strong", { id: "points" }, number(points.available)), " points"),
      tier && el("p", { class: "tier", id: "tier" }, words(tier.name || tier.id)),
      tier && progressLine(tier),
      el("dl", { class: "figures" }, ...FIGURES.filter((name) => points[name] !== undefined).map((name) =>
        el("div", {}, el("dt", {}, name), el("dd", { "data-points": name }, number(points[name])))))));
  more.replaceChildren(vouchers(member.vouchers || []), referral(member.referral));
}

const number = (value) => (typeof value === "number" ? value.toLocaleString("en") : String(value ?? "–"));

/** How far it is to the next tier: a share of 1 gets a bar, a count its number. */
function progressLine({ progress, next }) {
  const share = typeof progress === "number" && progress > 0 && progress < 1;
  const count = typeof progress === "number" && !share ? `${number(progress)} so far` : "";
  return el("div", { class: "tier-bar" },
    share && el("progress", { max: 1, value: progress, "aria-label": "Progress to the next tier" }),
    el("small", {}, [count, next && `next: ${words(next)}`].filter(Boolean).join(", ")));
}

function vouchers(all) {
  return el("section", { class: "block" }, el("h3", {}, "Vouchers"),
    all.length === 0 && el("p", { class: "muted" }, "None yet."),
    el("ul", { id: "vouchers" }, ...all.slice(0, 6).map(voucherLine)));
}

function voucherLine({ code, reward, status, expires_at: end }) {
  return el("li", { class: "voucher", "data-status": status },
    el("code", {}, code), el("span", { dir: "auto" }, words(reward)),
    el("small", {}, [words(status), end && `until ${date(end)}`].filter(Boolean).join(" · ")));
}

function referral(data) {
  if (!data?.code) return "";
  return el("section", { class: "block" }, el("h3", {}, "Brings friends"),
    el("p", {}, el("code", { id: "referral-code" }, data.code), data.link && friendLink(data.link)),
    el("p", { class: "muted" }, `${number(data.joined ?? 0)} joined, ${number(data.converted ?? 0)} bought`));
}

function friendLink(address) {
  const attributes = { id: "referral-link", href: target(address), target: "_blank", rel: "noopener" };
  return el("a", attributes, "Open the link as a friend");
}

function drawLedger(entries) {
  ledger.replaceChildren(...entries.slice(0, 12).map(entryLine));
}

function entryLine({ kind, points = 0, changes = {}, occurred_at: when }) {
  const moved = Object.entries(changes).filter(([, by]) => by).map(([account, by]) => `${account} ${signed(by)}`);
  return el("li", { "data-kind": kind },
    el("span", { class: "entry-what", dir: "auto" }, words(kind)),
    el("small", {}, [when && date(when, true), ...moved].filter(Boolean).join(" · ")),
    el("b", { class: points < 0 ? "minus" : "plus" }, signed(points)));
}

const signed = (value) => `${value > 0 ? "+" : ""}${number(value)}`;

const words = (value) => String(value?.name ?? value?.id ?? value ?? "").replaceAll("_", " ");

function date(iso, withTime = false) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return String(iso);
  const rest = withTime ? { hour: "2-digit", minute: "2-digit", hour12: false } : { year: "numeric" };
  return at.toLocaleString("en-GB", { day: "numeric", month: "short", ...rest });
}
