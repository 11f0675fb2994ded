"""Accounts: what checkers say that somebody is."""

from __future__ import annotations

from twisted.cred.checkers import ANONYMOUS
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from chatcomet.access.accounts import Account, Accounts, IAccount


class AccountsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Accounts()

    def test_is_a_realm_of_accounts(self) -> None:
        verifyObject(IRealm, self.realm)
        verifyObject(IAccount, Account("ada"))

    def test_bytes_and_text(self) -> None:
        for avatar_id in ("Åda".encode(), "Åda", " A\u030ada"):
            interface, account, end = self.realm.requestAvatar(avatar_id, None, IAccount)
            self.assertEqual((interface, account, end()), (IAccount, Account("Åda"), None))

    def test_who_can_be_none_is_refused_and_told(self) -> None:
        for avatar_id in (ANONYMOUS, None, 7, b"\xff", b"", "a" * 33, "a\nb", "guest", b"Guest"):
            with capturedLogs() as told:
                self.assertRaises(UnauthorizedLogin, self.realm.requestAvatar, avatar_id, None, IAccount)
            self.assertEqual([event["id"] for event in told], [avatar_id])
