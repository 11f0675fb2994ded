/**
 * The page: what chatcomet.js hears goes into the DOM, what people do comes out of it. Only this file touches the DOM.
 *
 * Text from others is put in by textContent alone. The log shows what the room's log says and nothing else; what we
 * have written and the server has not confirmed stands below it, in the outbox, until the log brings it.
 */
import { isRoomName, newKey, openRoom, openSession } from "./chatcomet.js";

const NOBODY = "guest"; // the server's name for whoever has not picked one
const LONGEST_TEXT = 4000; // characters
const GROUP_SECONDS = 300; // messages of one author in this time stand together
const NEAR_BOTTOM = 80; // pixels; so close to the end one reads what comes, and wants to follow it
const MOST_SHOWN = 1000; // messages; beyond, the oldest leave the page (scrolling back brings them again)
const MOST_SHOWN_SCROLLED_BACK = 5000; // the same for who reads further up, where it would take away what they read
const LONGEST_DATA = 500; // characters of JSON

const $ = (id) => document.getElementById(id);
const [scroller, log, outbox, text] = ["scroller", "log", "outbox", "text"].map($);

const base = new URL(".", document.baseURI);
const roomName = new URLSearchParams(location.search).get("room") ?? "lobby";

const reasonOf = (error) => (error.status ? error.message : "the server can't be reached");

/** What outlives a reload of this tab. */
const kept = {
  key: (what) => `chatcomet ${base.pathname} ${roomName} ${what}`,
  read(what, otherwise) {
    try {
      return JSON.parse(sessionStorage.getItem(this.key(what))) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write(what, value) {
    try {
      sessionStorage.setItem(this.key(what), JSON.stringify(value));
    } catch { /* Storage may be full or forbidden: then a reload forgets. */ }
  },
};

function refuseRoom() {
  const lobby = Object.assign(document.createElement("a"), { href: base.href, textContent: "Go to the lobby" });
  $("empty").textContent = `“${roomName}” can't be a room. Rooms have names of 1 to 64 small letters, digits, `
    + "“.”, “_” and “-”, and a letter or a digit comes first. ";
  $("empty").append(lobby);
  $("empty").hidden = false;
  document.body.dataset.connection = "none";
  for (const id of ["composer", "connection"]) $(id).hidden = true;
}

function openPage() {
  $("room-name").textContent = roomName;
  const room = openRoom({ base, room: roomName });
  const me = openMe();
  const view = openView(room, me);
  const unsent = openOutbox(room, me, view);
  openComposer(unsent);
  showConnection(room, me);
  me.on(view.markOwn);
  unread.show(0);
  room.on("messages", (messages) => {
    unsent.match(messages);
    view.append(messages);
    unsent.settle();
  });
  room.on("gap", ({ lost, reset }) => {
    if (reset) {
      view.clear();
      unsent.settle(Infinity);
      me.own.clear();
    }
    view.gap(lost);
  });
  room.start();
  unsent.restore();
}

// ---- Who I am ----

function openMe() {
  const session = openSession({ base });
  const dialog = $("sign-in");
  const why = $("sign-in-why").textContent;
  const listeners = new Set();
  const me = { name: NOBODY, isNobody: true, own: new Set(), on: (listener) => listeners.add(listener), refresh, ask };

  function become({ name }) {
    if (name === me.name && !$("me").classList.contains("unknown")) return;
    Object.assign(me, { name, isNobody: name === NOBODY });
    $("me").textContent = me.isNobody ? "guest · pick a name" : name;
    $("me").title = me.isNobody ? "Pick a name" : `You are ${name}. Change your name`;
    $("me").classList.remove("unknown");
    for (const listener of listeners) listener();
  }

  /** The cookie may have changed in another tab, or a new server may not know us any more. */
  function refresh() {
    return session.get().then(become, () => {});
  }

  /** Asks for a name; fires with whether it was answered when the dialog closes. */
  function ask(reason = why) {
    if (!dialog.open) {
      $("sign-in-why").textContent = reason;
      $("name-refused").textContent = "";
      $("name").value = me.isNobody ? "" : me.name;
      $("sign-out").hidden = me.isNobody;
      dialog.returnValue = "";
      dialog.showModal();
      $("name").select();
    }
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), { once: true });
    });
  }

  async function attempt(request) {
    $("name-refused").textContent = "";
    try {
      await request();
      await refresh();
      dialog.close("done");
    } catch (error) {
      $("name-refused").textContent = reasonOf(error);
      $("name").select();
    }
  }

  $("me").addEventListener("click", () => ask());
  $("not-now").addEventListener("click", () => dialog.close());
  $("sign-out").addEventListener("click", () => attempt(session.signOut));
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => session.signIn($("name").value));
  });
  dialog.addEventListener("close", () => text.focus());
  return me;
}

// ---- The log ----

function openView(room, me) {
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
  const inFull = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
  let isAtBottom = true;
  let isOpening = true; // what comes first is what was said before, and no news
  let isLoading = false;
  let below = 0; // new messages that are out of sight
  let newest = -1; // the seq of the last message

  const first = () => log.querySelector(".message")?.message;
  const isOwn = ({ seq, author }) => me.own.has(seq) || (!me.isNobody && author === me.name);

  function render(message) {
    const item = $("message").content.firstElementChild.cloneNode(true);
    const at = new Date(message.at * 1000);
    item.message = message;
    item.day = calendar.format(at);
    item.dataset.seq = message.seq;
    item.dataset.hue = [...message.author].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 8, 7);
    item.querySelector(".day").textContent = item.day;
    item.querySelector(".avatar").textContent = [...message.author][0]?.toUpperCase();
    item.querySelector(".author").textContent = message.author;
    item.querySelector(".text").dataset.time = clock.format(at); // keeps a place for the time on the last line
    item.querySelector(".text").append(...content(message));
    item.querySelector(".text").classList.toggle("aside", Boolean(message.erased || !message.text));
    Object.assign(item.querySelector("time"), {
      dateTime: at.toISOString(), title: inFull.format(at), textContent: clock.format(at),
    });
    return item;
  }

  /** What an item shows depends on its neighbour before it: a day begins, an author goes on. */
  function relate(item) {
    if (!item?.message) return;
    const [{ message, day }, before] = [item, item.previousElementSibling];
    const own = isOwn(message);
    item.querySelector(".day").hidden = day === before?.day;
    item.classList.toggle("own", own);
    item.classList.toggle("continued", day === before?.day && message.author === before.message.author
      && own === before.classList.contains("own") && message.at - before.message.at < GROUP_SECONDS);
  }

  function append(messages) {
    const wasEmpty = !first();
    const add = () => messages.forEach((message) => {
      log.append(render(message));
      log.lastElementChild.classList.toggle("arriving", !isOpening);
      relate(log.lastElementChild);
    });
    if (isOpening) quietly(add);
    else add();
    newest = messages.at(-1).seq;
    $("empty").hidden = true;
    const others = messages.filter((message) => !isOwn(message)).length;
    if (!isOpening) unread.add(others);
    if (!isAtBottom) below += others;
    isOpening = false;
    trim();
    follow();
    if (wasEmpty) watchTop();
  }

  /** A page may stay open for months: it keeps so many messages and no more. */
  function trim() {
    const most = isAtBottom ? MOST_SHOWN : MOST_SHOWN_SCROLLED_BACK;
    if (log.childElementCount <= most) return;
    keepPlace(() => {
      while (log.childElementCount > most) log.firstElementChild.remove();
      relate(log.firstElementChild);
      $("beginning").hidden = true;
    });
  }

  function prepend(messages) {
    keepPlace(() => {
      quietly(() => log.prepend(...messages.map(render)));
      for (const item of [...log.children].slice(0, messages.length + 1)) relate(item);
    });
  }

  /** Changes what is above, and leaves what one is reading where it is. */
  function keepPlace(change) {
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    change();
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
  }

  async function loadOlder() {
    const oldest = first();
    if (isLoading || !oldest) return;
    if (oldest.seq === 0) return showBeginning(`This is the beginning of ${roomName}.`);
    isLoading = true;
    $("load-older").hidden = true;
    try {
      const messages = await room.history(oldest.seq);
      if (first() !== oldest) return; // cleared or trimmed meanwhile: the observer looks again
      if (messages.length) prepend(messages);
      else showBeginning("What was said before is no longer kept.");
    } catch {
      $("load-older").hidden = false;
    } finally {
      isLoading = false;
      if ($("beginning").hidden && $("load-older").hidden) watchTop();
    }
  }

  function showBeginning(words) {
    $("beginning").textContent = words;
    $("beginning").hidden = false;
  }

  function clear() {
    log.replaceChildren();
    newest = -1;
    isOpening = true;
    $("beginning").hidden = true;
  }

  function gap(lost) {
    const some = { null: "Messages may have been", 1: "One message was" }[lost] ?? `${lost} messages were`;
    const words = `${some} lost to this page here: it was away for too long, or the server has lost them.`;
    log.append(Object.assign(document.createElement("li"), { className: "gap", textContent: words }));
    follow();
  }

  /** Older messages, and the first page of them, are no news to be read aloud. */
  function quietly(change) {
    log.setAttribute("aria-live", "off");
    change();
    setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
  }

  function follow() {
    if (isAtBottom) scroller.scrollTop = scroller.scrollHeight;
    offerNewest();
  }

  function offerNewest() {
    if (isAtBottom) below = 0;
    $("newest").hidden = isAtBottom;
    $("newest").textContent = below ? `${below} new ↓` : "Newest ↓";
  }

  function toBottom() {
    isAtBottom = true;
    follow();
  }

  /** An observer tells only of changes; watching anew makes it tell how things stand. */
  const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && loadOlder(),
    { root: scroller, rootMargin: "400px 0px 0px" });
  function watchTop() {
    observer.unobserve($("older"));
    observer.observe($("older"));
  }

  scroller.addEventListener("scroll", () => {
    isAtBottom = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM;
    offerNewest();
  });
  const resized = new ResizeObserver(follow); // also when a phone's keyboard comes and goes
  for (const element of [scroller, log, outbox]) resized.observe(element);
  $("newest").addEventListener("click", toBottom);
  $("load-older").addEventListener("click", loadOlder);
  room.on("state", ({ state }) => {
    const isEmpty = state === "live" && !first();
    $("empty").hidden = !isEmpty;
    if (isEmpty) isOpening = false;
  });

  return { append, clear, gap, toBottom, markOwn: () => [...log.children].forEach(relate), newest: () => newest };
}

/** What a message says, as nodes: its text with links, or what there is in place of a text. */
function content({ text, data, erased }) {
  if (erased) return ["This message was erased."];
  if (!text) return [JSON.stringify(data ?? null).slice(0, LONGEST_DATA)];
  const parts = text.split(/(\bhttps?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]}…])/i);
  return parts.map((part, index) => (index % 2 ? link(part) : part));
}

function link(url) {
  return Object.assign(document.createElement("a"),
    { href: url, textContent: url, target: "_blank", rel: "noopener noreferrer" });
}

/** How much was said while nobody looked, in the title. */
const unread = {
  count: 0,
  add(more) {
    this.show(document.hidden ? this.count + more : 0);
  },
  show(count) {
    this.count = count;
    document.title = `${count ? `(${count}) ` : ""}${roomName} · chatcomet`;
  },
};

// ---- The outbox: what is on its way, or could not be sent ----

function openOutbox(room, me, view) {
  let entries = []; // {key, text, after, item, cancel, sentAs, seenAs}

  function keep() {
    const waiting = entries.filter((entry) => entry.sentAs === undefined);
    kept.write("unsent", waiting.map(({ key, text: words, after }) => ({ key, text: words, after })));
  }

  /** `after`: the newest message when it was written, so that it is not taken for an older one of the same words. */
  function add({ key = newKey(), text: words, after = view.newest() }) {
    const item = $("unsent").content.firstElementChild.cloneNode(true);
    const entry = { key, text: words, after, item };
    item.querySelector(".text").textContent = words;
    item.querySelector(".again").addEventListener("click", () => again(entry));
    item.querySelector(".edit").addEventListener("click", () => edit(entry));
    item.querySelector(".discard").addEventListener("click", () => remove(entry));
    entries.push(entry);
    outbox.append(item);
    keep();
    view.toBottom();
    send(entry);
  }

  async function send(entry) {
    entry.cancel = new AbortController();
    tell(entry, "sending", "Sending…");
    try {
      const { message } = await room.post(entry.text, { key: entry.key, signal: entry.cancel.signal });
      entry.sentAs = message.seq;
      own(entry, message.seq);
      tell(entry, "sent", "Sent");
      keep();
      settle();
    } catch (error) {
      if (!entry.cancel.signal.aborted) fail(entry, error);
    }
  }

  async function fail(entry, error) {
    own(entry);
    entry.item.hidden = false;
    tell(entry, "failed", `Not sent: ${error.message}`);
    if (error.status !== 409) return;
    const isNamed = await me.ask("Somebody else has your name by now. Pick another, and what you wrote will be sent.");
    if (isNamed && entries.includes(entry)) again(entry);
  }

  /** What was refused is not in the log. A new key, for the refusal may have been about the old one. */
  function again(entry) {
    Object.assign(entry, { key: newKey(), seenAs: undefined });
    keep();
    send(entry);
  }

  /** Message `seq` of the log is this entry, and not the one that looked like it; none: neither is. */
  function own(entry, seq) {
    if (entry.seenAs === seq) return;
    me.own.delete(entry.seenAs);
    if (seq !== undefined) me.own.add(seq);
    view.markOwn();
  }

  function tell(entry, fate, words) {
    entry.item.dataset.fate = fate;
    entry.item.querySelector(".fate").textContent = words;
    entry.item.querySelector(".choices").hidden = !["failed", "delayed"].includes(fate);
    for (const choice of [".again", ".edit"]) entry.item.querySelector(choice).hidden = fate !== "failed";
  }

  function remove(entry) {
    entry.cancel.abort();
    entry.item.remove();
    entries = entries.filter((one) => one !== entry);
    keep();
    text.focus();
  }

  function edit(entry) {
    remove(entry);
    text.value = [entry.text, text.value].filter(Boolean).join("\n");
    text.dispatchEvent(new Event("input"));
  }

  /**
   * The log often brings a message before the answer to its post, or without one, if that was lost. What looks like
   * ours then stands for it, or one would see it twice; the answer says for certain.
   */
  function match(messages) {
    for (const { seq, author, text: words } of messages) {
      const entry = entries.find((one) => one.seenAs === undefined && one.item.dataset.fate !== "failed"
        && one.text === words && author === me.name && seq > one.after);
      if (!entry) continue;
      entry.seenAs = seq;
      entry.item.hidden = true;
      me.own.add(seq);
    }
  }

  /** What has been sent leaves the outbox when the log has come so far. */
  function settle(newest = view.newest()) {
    for (const entry of entries) if (entry.sentAs <= newest) entry.item.remove();
    entries = entries.filter((entry) => !(entry.sentAs <= newest));
  }

  room.on("delayed", ({ key, error }) => {
    const entry = entries.find((one) => one.key === key);
    const words = error.status ? `Trying again: ${error.message}` : "Waiting for the connection…";
    if (entry) tell(entry, "delayed", words);
  });

  return { add, match, settle, restore: () => kept.read("unsent", []).forEach(add) };
}

// ---- Writing ----

function openComposer(unsent) {
  function changed() {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
    kept.write("draft", text.value);
    const over = [...text.value].length - LONGEST_TEXT;
    $("too-long").textContent = over > 0 ? `${over} characters too many` : "";
    $("send").disabled = over > 0;
  }

  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    text.focus();
    if ($("send").disabled || !text.value.trim()) return;
    unsent.add({ text: text.value.trimEnd() });
    text.value = "";
    changed();
  });
  text.addEventListener("input", changed);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !$("sign-in").open) text.focus();
  });
  text.value = kept.read("draft", "");
  changed();
  text.focus();
}

// ---- The connection ----

function showConnection(room, me) {
  let countdown;

  function show({ state, seconds = 0, error }) {
    document.body.dataset.connection = state;
    const isRefused = error?.status >= 400 && error?.status < 500;
    $("status").textContent = {
      connecting: "Connecting…",
      live: "Connected",
      reconnecting: isRefused ? error.message : "The connection is lost. Reconnecting…",
    }[state] ?? "";
    clearInterval(countdown);
    let left = Math.round(seconds);
    const tick = () => {
      $("countdown").textContent = left > 0 ? `again in ${left} s` : "";
      left -= 1;
    };
    tick();
    if (left > 0) countdown = setInterval(tick, 1000);
    $("try-now").hidden = seconds < 2;
    if (state === "live") me.refresh();
  }

  room.on("state", show);
  $("try-now").addEventListener("click", () => room.wakeUp());
  for (const change of ["online", "offline"]) addEventListener(change, () => room.wakeUp({ newNetwork: true }));
  addEventListener("pageshow", () => room.wakeUp());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unread.show(0);
    room.wakeUp();
    me.refresh();
  });
}

if (isRoomName(roomName)) openPage();
else refuseRoom();
