"""The edge: bytes to and from api."""
