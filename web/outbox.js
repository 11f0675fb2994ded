/** The outbox: what was written here and is on its way, or could not be sent. It stands below the log. */
import { newKey } from "./chatcomet.js";
import { kept } from "./place.js";

const SESSION_ENDED = "/problems/session-ended"; // and so nothing went out as nobody's

const $ = (id) => document.getElementById(id);
const [outbox, text] = ["outbox", "text"].map($);

export function openOutbox(room, me, view) {
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
      if (message.author !== me.name) me.refresh(); // we are not who we thought
    } catch (error) {
      if (!entry.cancel.signal.aborted) fail(entry, error);
    }
  }

  async function fail(entry, error) {
    own(entry);
    entry.item.hidden = false;
    tell(entry, "failed", `Not sent: ${error.message}`);
    if ([401, 403].includes(error.status)) await me.refresh(); // we may be somebody else, or may do less, by now
    const isOver = error.type === SESSION_ENDED;
    const [over, whatToDo] = [isOver ? "Your session has ended. " : "", me.ways.password ? "Sign in" : "Pick a name"];
    const ask = {
      401: (isOver || me.ways.password) && `${over}${whatToDo}, and what you wrote will be sent.`,
      409: "Somebody else has your name by now. Pick another, and what you wrote will be sent.",
    }[error.status];
    // Before the session ended it may have been sent, and the answer lost: by its key that is known.
    if (ask && await me.ask(ask, isOver) && entries.includes(entry)) again(entry, isOver ? entry.key : newKey());
  }

  /** What was refused is not in the log. A new key, for the refusal may have been about the old one. */
  function again(entry, key = newKey()) {
    Object.assign(entry, { key, seenAs: undefined });
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

  room.on("delayed", ({ key, seconds, error }) => {
    const entry = entries.find((one) => one.key === key);
    const again = `it will be sent in ${Math.ceil(seconds)} s`;
    const words = error.status ? `Waiting, ${again}: ${error.message}` : "Waiting for the connection…";
    if (entry) tell(entry, "delayed", words);
  });

  return { add, match, settle, restore: () => kept.read("unsent", []).forEach(add) };
}
