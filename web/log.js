/**
 * The log: what was said, as the server has it, and nothing else. Text from others is put in by textContent alone.
 */
import { roomName } from "./place.js";

const GROUP_SECONDS = 300; // messages of one author in this time stand together
const NEAR_BOTTOM = 80; // pixels; so close to the end one reads what comes, and wants to follow it
const MOST_SHOWN = 1000; // messages; beyond, the oldest leave the page (scrolling back brings them again)
const MOST_SHOWN_SCROLLED_BACK = 5000; // the same for who reads further up, where it would take away what they read
const LONGEST_DATA = 500; // characters of JSON

const $ = (id) => document.getElementById(id);
const [scroller, log, outbox] = ["scroller", "log", "outbox"].map($);

export function openView(room, me) {
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
  const inFull = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
  let isAtBottom = true;
  let isOpening = true; // what comes first is what was said before, and no news
  let isLoading = false;
  let isHeld = false; // somebody is busy with a message, which is not to move
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
    item.querySelector(".more").setAttribute("aria-label", `Moderate message of ${message.author}`);
    say(item);
    Object.assign(item.querySelector("time"), {
      dateTime: at.toISOString(), title: inFull.format(at), textContent: clock.format(at),
    });
    return item;
  }

  function say(item) {
    const { erased, text } = item.message;
    item.querySelector(".text").replaceChildren(...content(item.message));
    item.querySelector(".text").classList.toggle("aside", Boolean(erased || !text));
  }

  /** A moderator has erased it: the server says so of it from now on, and this is not read again. */
  function erase(item) {
    item.message = { ...item.message, text: "", data: undefined, erased: true };
    say(item);
    relate(item);
  }

  /** What an item shows depends on its neighbour before it: a day begins, an author goes on. */
  function relate(item) {
    if (!item?.message) return;
    const [{ message, day }, before] = [item, item.previousElementSibling];
    const own = isOwn(message);
    item.querySelector(".day").hidden = day === before?.day;
    item.classList.toggle("own", own);
    item.querySelector(".more").hidden = Boolean(own && message.erased); // there is nothing more to be done about it
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
    if (isAtBottom && !isHeld) scroller.scrollTop = scroller.scrollHeight;
    offerNewest();
  }

  /** What comes is not followed until this is called with false: what is pointed at stays where it is. */
  function hold(held) {
    isHeld = held;
    follow();
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
  const markOwn = () => [...log.children].forEach(relate);
  me.on(() => {
    $("invitation").hidden = !me.may("post");
    quietly(() => log.classList.toggle("moderated", me.may("moderate")));
    markOwn();
  });

  return { append, clear, erase, gap, hold, toBottom, markOwn, newest: () => newest };
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
export const unread = {
  count: 0,
  add(more) {
    this.show(document.hidden ? this.count + more : 0);
  },
  show(count) {
    this.count = count;
    document.title = `${count ? `(${count}) ` : ""}${roomName} · chatcomet`;
  },
};
