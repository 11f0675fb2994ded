/** What a moderator does here: which choices there are for a message, what comes of them, and how it is told. */
import { openModeration } from "./chatcomet.js";
import { openMenu } from "./menu.js";
import { base, roomName } from "./place.js";
import { NOBODY, reasonOf } from "./sign-in.js";

const RULINGS = { // for so many seconds, as the menu says
  mute: { seconds: 600, done: "muted", list: "mutes", end: "unmute" },
  ban: { seconds: 3600, done: "banned", list: "bans", end: "unban" },
};
const DAY = 24 * 3600; // seconds

const $ = (id) => document.getElementById(id);

/** Whether the server takes two names for one. */
const isSame = (one, other) => one.toLowerCase() === other.toLowerCase();

function lastingTo(until) {
  if (until === null) return "for good";
  const isNear = until - Date.now() / 1000 < DAY;
  const style = isNear ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return `until ${new Intl.DateTimeFormat(undefined, style).format(until * 1000)}`;
}

export function openModerator(me, view) {
  const moderation = openModeration({ base, room: roomName });

  /** The choices that there are for a message. Who is banned can't lift it: so nobody bans themselves here. */
  function offer({ author, erased }) {
    $("erase").hidden = Boolean(erased);
    for (const kind in RULINGS) $(kind).hidden = isSame(author, me.name);
    const whom = author === NOBODY ? "all nameless guests" : author;
    for (const element of $("menu").querySelectorAll(".whom")) element.textContent = whom;
    $("menu").setAttribute("aria-label", `Message of ${author}`);
  }

  /** Does what is to be done about a message; if it can't be, the reason stands below it, after `not`. */
  async function attempt(item, not, act, liftable) {
    item.setAttribute("aria-busy", "true");
    try {
      await act();
    } catch (error) {
      const why = error instanceof RangeError ? error.message : reasonOf(error);
      tell(item, `${not}: ${why}`, liftable);
      item.querySelector(".note").classList.add("bad");
      if ([401, 403].includes(error.status)) me.refresh(); // we may be somebody else, or may do less, by now
    } finally {
      item.removeAttribute("aria-busy");
    }
  }

  /** Below the message; with a `liftable` kind of ruling there is a way to lift that. */
  function tell(item, words, liftable) {
    const [note, lifting] = [".note", ".lift"].map((which) => item.querySelector(which));
    note.classList.remove("bad");
    note.hidden = !words;
    note.querySelector("span").textContent = words;
    if (!liftable && lifting === document.activeElement) focusOn(item);
    lifting.hidden = !liftable;
    lifting.textContent = liftable ? `Lift the ${liftable}` : "";
    lifting.onclick = () => lift(item, liftable);
  }

  function erase(item) {
    return attempt(item, "not erased", async () => {
      await moderation.erase(item.message.seq);
      const hasFocus = item.contains(document.activeElement);
      if (item.querySelector(".lift").hidden) tell(item, ""); // else it says what holds for the author
      view.erase(item);
      if (hasFocus) focusOn(item);
    });
  }

  /** What holds for longer already is not made shorter, but told. */
  function rule(item, kind) {
    const { seconds, done, list } = RULINGS[kind];
    const { author } = item.message;
    return attempt(item, `not ${done}`, async () => {
      const until = Date.now() / 1000 + seconds;
      const all = await moderation[list]();
      const longer = all.find((one) => isSame(one.name, author) && (one.until === null || one.until > until));
      const ruling = longer ?? await moderation[kind](author, seconds);
      tell(item, `${longer ? `already ${done}` : done} ${lastingTo(ruling.until)}`, kind);
    });
  }

  function lift(item, kind) {
    const { done, end } = RULINGS[kind];
    return attempt(item, `still ${done}`, async () => {
      await moderation[end](item.message.author).catch((error) => {
        if (error.status !== 404) throw error; // it has ended by itself, or somebody else has lifted it
      });
      tell(item, `not ${done} any more`);
    }, kind);
  }

  const acts = { erase, mute: (item) => rule(item, "mute"), ban: (item) => rule(item, "ban") };
  const { close, focusOn } = openMenu(view, { offer, choose: (choice, item) => acts[choice](item) });
  me.on(() => me.may("moderate") || close());
}
