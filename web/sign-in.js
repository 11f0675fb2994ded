/** Who I am: a guest, a guest with a name, or a member; and the dialog in which that changes. */
import { openSession } from "./chatcomet.js";
import { base, roomName } from "./place.js";

export const NOBODY = "guest"; // the server's name for whoever has none
const AT_FIRST = ["read", "post"]; // what we take ourselves to be allowed, until the server has said it
const LOOK_AGAIN = 300; // seconds; a session may end between two polls, and is renewed only where one asks for it

const $ = (id) => document.getElementById(id);
const [dialog, memberForm, guestForm] = ["sign-in", "member", "guest"].map($);

/** Why something was not done, in words that go on from a colon. */
export function reasonOf({ status, message, retryAfter }) {
  if (!status) return "the server can't be reached";
  const isTold = retryAfter === null || message.includes("again in");
  return isTold ? message : `${message}: try again in ${Math.ceil(retryAfter)} s`;
}

/**
 * `me`: a `name`, and what the server knows of us. `may(action)`: whether we may do that in this room, as far as we know.
 * `longestText`: of what we post. `own`: the seqs of the messages that are ours, whatever our name is by now. Listeners
 * are called when we have become somebody else, or may do something else.
 */
export function openMe() {
  const session = openSession({ base });
  const listeners = new Set();
  const ways = { password: false, guest: true }; // to become somebody
  let who = null; // as the server has said last
  let busy = Promise.resolve(); // until what was asked for in the dialog is answered
  let isOurDoing = false; // when we become somebody else
  let hasEnded = false; // the session that the browser still has
  const me = {
    name: NOBODY,
    isNobody: true,
    isMember: false,
    ways,
    longestText: Infinity, // in characters; the server says
    own: new Set(),
    may: (action) => (who?.grants[roomName] ?? AT_FIRST).includes(action),
    on: (listener) => listeners.add(listener),
    settled: () => busy,
    refresh,
    ask,
  };

  function become(answer) {
    if (JSON.stringify(answer) === JSON.stringify(who)) return;
    who = answer;
    const isNobody = who.name === NOBODY;
    Object.assign(me, { name: who.name, isNobody, isMember: !who.guest, longestText: who.limits.text });
    Object.assign(ways, who.sign_in);
    const canChange = !isNobody || ways.password || ways.guest;
    const offer = ways.password ? "sign in" : "pick a name";
    $("me").textContent = !isNobody ? who.name : ways.guest ? `guest · ${offer}` : ways.password ? "Sign in" : "guest";
    $("me").title = isNobody ? (ways.password ? "Sign in" : "Pick a name") : `You are ${who.name}`;
    $("me").disabled = !canChange;
    $("me").classList.remove("unknown");
    for (const listener of listeners) listener();
  }

  /** A session may end in another tab, or on another device; and a new server may not know us any more. */
  async function refresh() {
    const before = { ...me };
    await session.get({ room: roomName }).then(become, () => {});
    if (isOurDoing || before.isNobody || !me.isNobody) return;
    const you = before.isMember ? "Your session has ended: you" : "You";
    ask(`${you} are not ${before.name} any more. What you wrote is kept.`);
  }

  /** Shows one of the forms, or, to members, neither: they sign out first. */
  function show(form, reason) {
    const titles = { member: "Sign in", guest: ways.password ? "Enter as a guest" : "Pick a name" };
    const whys = {
      member: "With the name and password of your account here.",
      guest: "Others see your name beside what you write.",
    };
    $("sign-in-title").textContent = titles[form?.id] ?? `You are ${me.name}`;
    $("sign-in-why").textContent = reason ?? whys[form?.id] ?? "You have signed in with a password.";
    for (const one of [memberForm, guestForm]) one.hidden = one !== form;
    $("refused").textContent = "";
    $("to-guest").hidden = form !== memberForm || !ways.guest;
    $("to-member").hidden = form !== guestForm || !ways.password;
    $("sign-out").hidden = (me.isNobody && !hasEnded) || form === memberForm;
    $("sign-out").textContent = me.isMember ? "Sign out" : "Be a guest again";
    $("not-now").textContent = form ? "Not now" : "Close";
    form?.querySelector("input").select();
  }

  /**
   * Asks who we are, where there is a way to be somebody; fires with whether it was answered when the dialog closes.
   * `isOver`: our session has ended, and we may also be nobody from now on, if we say so.
   */
  async function ask(reason, isOver = false) {
    if (me.isNobody && !ways.password && !ways.guest) return false;
    hasEnded ||= isOver;
    if (dialog.open) $("sign-out").hidden &&= guestForm.hidden || !hasEnded;
    else {
      $("name").value = me.isNobody || me.isMember ? "" : me.name;
      dialog.returnValue = "";
      dialog.showModal();
      show(me.isMember ? null : ways.password && (me.isNobody || !ways.guest) ? memberForm : guestForm, reason);
    }
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), { once: true });
    });
  }

  /** Asks the server; what it refuses stands in the dialog, and what was typed stays. */
  function attempt(request, form) {
    $("refused").textContent = "";
    busy = (async () => {
      isOurDoing = true;
      dialog.setAttribute("aria-busy", "true");
      try {
        await request();
        await refresh();
        dialog.close("done");
      } catch (error) {
        const isTheirs = error.status === 409 && ways.password; // maybe: the server does not say whose a name is
        $("refused").textContent = `${reasonOf(error)}${isTheirs ? "; if it is yours, sign in with the password" : ""}`;
        form?.querySelector("input:last-of-type").select();
      } finally {
        isOurDoing = false;
        dialog.removeAttribute("aria-busy");
      }
    })();
  }

  function onSubmit(form, request) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!dialog.hasAttribute("aria-busy")) attempt(request, form);
    });
  }

  onSubmit(memberForm, () => session.signIn($("username").value, $("password").value));
  onSubmit(guestForm, () => session.signIn($("name").value));
  $("to-guest").addEventListener("click", () => show(guestForm));
  $("to-member").addEventListener("click", () => show(memberForm));
  setInterval(() => me.isNobody || refresh(), LOOK_AGAIN * 1000);
  $("me").addEventListener("click", () => ask());
  $("not-now").addEventListener("click", () => dialog.close());
  $("sign-out").addEventListener("click", () => attempt(session.signOut));
  dialog.addEventListener("close", () => {
    $("password").value = "";
    hasEnded = false;
    ($("text").disabled ? $("me") : $("text")).focus();
  });
  return me;
}
