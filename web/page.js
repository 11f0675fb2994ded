/**
 * The page: what chatcomet.js hears goes into the DOM, what people do comes out of it.
 *
 * The log shows what the room's log says and nothing else; what we have written and the server has not confirmed
 * stands below it, in the outbox, until the log brings it.
 */
import { isRoomName, openRoom } from "./chatcomet.js";
import { openComposer } from "./composer.js";
import { showConnection } from "./connection.js";
import { openView, unread } from "./log.js";
import { openModerator } from "./moderator.js";
import { openOutbox } from "./outbox.js";
import { base, roomName } from "./place.js";
import { openMe } from "./sign-in.js";

const $ = (id) => document.getElementById(id);

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
  openComposer(unsent, me);
  openModerator(me, view);
  showConnection(room, me);
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

if (isRoomName(roomName)) openPage();
else refuseRoom();
