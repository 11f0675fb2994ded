"""Makes ``twistd chatcomet`` known to twistd."""

from twisted.application.service import ServiceMaker

chatcomet = ServiceMaker("chatcomet", "chatcomet.tap", "A chat and push server over plain HTTP", "chatcomet")
