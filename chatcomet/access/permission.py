"""Permission: who may do what in which room.  All of that is decided here, and nowhere else."""

from __future__ import annotations

from chatcomet.access.identity import Identity, Kind
from chatcomet.access.policy import Policy
from chatcomet.access.rules import NOBODY, Action, Rules


def may(
    action: Action,
    room: str,
    identity: Identity,
    policy: Policy,
    *,
    guests_allowed: bool,
    muted: bool,
    banned: bool,
) -> bool:
    """Whether `identity` may do `action` in `room`.  The first line that fits decides:

    =========================  ========================  ===========  ===========================  ==============
    who                        read                      post         create                       moderate
    =========================  ========================  ===========  ===========================  ==============
    `banned` in the room       no                        no           no                           no
    `muted` in the room        as if not                 no           no                           no
    has a ticket               if granted                if granted   if `post` is granted, and    if granted
                                                                      the room's `create` is not
                                                                      nobody's
    guest or stranger,         no                        no           no                           no
    not `guests_allowed`
    guest or stranger          if the room's `read` is   … `post`     … `post` and `create`        … `moderate`
                               everyone's
    member                     if the room's `read` is   … `post`     … `post` and `create`        … `moderate`
                               everyone's or members',
                               or lists the name
    =========================  ========================  ===========  ===========================  ==============

    Each action stands for itself: who may post and not read may drop something in, and learns its number there; so
    it may be told whether the room was there before.  Whether a room exists is not looked at: the answer to who may
    not read can't depend on it.  A moderator who was muted does not undo that.
    """
    if banned or (muted and action != "read"):
        return False
    rules = policy.rules(room)
    if identity.kind is Kind.TICKET:
        if action == "create" and rules.create == NOBODY:
            return False
        return identity.grants.may("post" if action == "create" else action, room)
    return admits(action, rules, identity, guests_allowed)


def admits(action: Action, rules: Rules, identity: Identity, guests_allowed: bool) -> bool:
    """Whether `rules` let `identity`, who has no ticket, do `action`."""
    if not guests_allowed and identity.kind is not Kind.MEMBER:
        return False
    if action == "create" and not rules.post.admits(identity.kind, identity.name):
        return False
    return rules.audience(action).admits(identity.kind, identity.name)


def may_somebody(action: Action, rules: Rules, *, accounts: bool, tickets: bool) -> bool:
    """Whether there can be anybody who is known and may do `action` where `rules` hold.

    `accounts`: whether people sign in with a password; `tickets`: whether tickets are taken, which may grant anything.
    """
    if tickets and not (action == "create" and rules.create == NOBODY):
        return True
    wanted = [rules.create, rules.post] if action == "create" else [rules.audience(action)]
    listed = [audience.names for audience in wanted if not audience.members]
    return accounts and (not listed or bool(frozenset.intersection(*listed)))
