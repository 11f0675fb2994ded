/** What moderators do in a room, for chatcomet.js, which tells of it at openModeration(). */

const jsonHeaders = { "Content-Type": "application/json" };

/** `name` as a segment of a path. Browsers take two names for something else there, however they are written. */
function segment(name) {
  if ([".", ".."].includes(name)) throw new RangeError(`no browser can ask for somebody called “${name}”`);
  return encodeURIComponent(name);
}

/** A slip (nothing, NaN) is not to ban anybody for good: only Infinity does. */
function lasting(seconds) {
  if (!(seconds >= 1)) throw new RangeError(`a ban or mute is for a second at least, not for ${seconds}`);
  return JSON.stringify(seconds === Infinity ? {} : { seconds });
}

/** `room`: the room's URL, with a slash at its end. */
export function moderation(requests, room) {
  const ask = (path, method, init) => requests.json(new URL(path, room), { method, ...init });
  const rule = async (sort, name, seconds) => (
    ask(`${sort}/${segment(name)}`, "PUT", { headers: jsonHeaders, body: lasting(seconds) }));
  const lift = async (sort, name) => ask(`${sort}/${segment(name)}`, "DELETE");
  const list = async (sort) => (await ask(sort, "GET"))[sort];
  return {
    async erase(seq) {
      if (!Number.isSafeInteger(seq)) throw new RangeError(`not the number of a message: ${seq}`);
      await ask(`messages/${seq}`, "DELETE");
    },
    ban: (name, seconds) => rule("bans", name, seconds),
    mute: (name, seconds) => rule("mutes", name, seconds),
    unban: (name) => lift("bans", name),
    unmute: (name) => lift("mutes", name),
    bans: () => list("bans"),
    mutes: () => list("mutes"),
  };
}
