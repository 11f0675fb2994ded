"""Makes ``twistd chatcomet`` known to twistd, and ``--auth argon2:FILE`` to all that take ``--auth``."""

from twisted.application.service import ServiceMaker

from chatcomet.access.argon2_plugin import Argon2CheckerFactory

chatcomet = ServiceMaker("chatcomet", "chatcomet.tap", "A chat and push server over plain HTTP", "chatcomet")
argon2 = Argon2CheckerFactory()
