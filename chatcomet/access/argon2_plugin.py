"""What ``--auth argon2:FILE`` is to Twisted (`twisted.cred.strcred`); ``twisted/plugins`` has the one object of it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import ICheckerFactory
from twisted.plugin import IPlugin
from zope.interface import implementer

from chatcomet.errors import StartRefused

if TYPE_CHECKING:
    from chatcomet.access.argon2_checker import Argon2Checker

_HELP = """
Passwords are checked against the Argon2 hashes in a file. Each line is
NAME:HASH; lines that are empty or begin with # say nothing. A name is the
same in capitals and in small letters, and is shown as the file has it.

    chatcomet passwd FILE NAME

writes such a line, and takes the password from the terminal, or from its
standard input where that is none. The file is read again when it has changed.
"""


@implementer(ICheckerFactory, IPlugin)
class Argon2CheckerFactory:
    """Makes an `Argon2Checker` of a file's name."""

    authType = "argon2"
    authHelp = _HELP
    argStringFormat = "A file of lines NAME:HASH; chatcomet passwd writes it."
    credentialInterfaces = (IUsernamePassword,)

    def generateChecker(self, argstring: str) -> Argon2Checker:
        """Raises `StartRefused` if the file can't be read or is none."""
        from chatcomet.access.argon2_checker import Argon2Checker
        from chatcomet.access.password_file import PasswordFile

        if not argstring:
            raise StartRefused("it should be followed by a file: argon2:passwords")
        return Argon2Checker(PasswordFile(Path(argstring)), secrets.token_bytes(16))
