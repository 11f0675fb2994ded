"""Keys: what a file may hold, what that is for, and what is said of all else."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.keys import FILE_BYTES, SECRET_BYTES, load_key, load_signing_key, write_secret
from chatcomet.errors import StartRefused
from tests.unit.access.key_files import NOT_FOR_TICKETS, SECRET, ed25519_key, private_pem, public_pem, rsa_key


class KeysTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "tickets.key"

    def holding(self, content: bytes) -> Path:
        """The file, with this in it."""
        self.path.write_bytes(content)
        return self.path

    def assert_refused(self, content: bytes, reason: str, signing: bool | None = None) -> None:
        """The file is refused with a sentence that names it: for checking, for signing, or (None) for both."""
        for load, concerned in ((load_key, signing is not True), (load_signing_key, signing is not False)):
            if concerned:
                error = self.assertRaises(StartRefused, load, self.holding(content))
                self.assertIn(reason, str(error))
                self.assertIn(str(self.path), str(error))
                self.assertNotIn(content.decode("latin-1")[30:60] or "nothing", str(error))


class SecretTests(KeysTestCase):
    def assert_secret(self, content: bytes, secret: bytes) -> None:
        path = self.holding(content)
        for key in (load_key(path), load_signing_key(path)):
            self.assertEqual((key.algorithm, key.material), ("HS256", secret))

    def test_is_the_text_of_the_file(self) -> None:
        for text in (SECRET, "grüße, und das noch zweiunddreißig mal".encode(), b"00" * SECRET_BYTES, b"9" * 64):
            for before, after in ((b"", b""), (b"", b"\n"), (b"", b"\r\n"), (b" \t", b" \n\n")):
                self.assert_secret(before + text + after, text)

    def test_or_its_bytes_if_it_is_no_text(self) -> None:
        self.assert_secret(b"\xff" * SECRET_BYTES, b"\xff" * SECRET_BYTES)
        self.assert_secret(b" \xfe\x00" * 16 + b"\n", b" \xfe\x00" * 16 + b"\n")

    def test_is_not_shown(self) -> None:
        path = self.holding(SECRET)
        self.assertNotIn("horse", repr(load_key(path)) + repr(load_signing_key(path)))

    def test_has_a_length(self) -> None:
        self.assert_secret(b"x" * SECRET_BYTES + b"\n", b"x" * SECRET_BYTES)
        self.assert_refused(b"x" * (SECRET_BYTES - 1) + b"\n", "a secret of 31 bytes, and 32")
        self.assert_refused(b"\xff" * (SECRET_BYTES - 1), "a secret of 31 bytes, and 32")
        self.assert_refused(b"", "a secret of 0 bytes")
        self.assert_refused(b"\n" * 64, "a secret of 0 bytes")

    def test_is_one_line(self) -> None:
        for content in (SECRET + b"\n" + SECRET, b"\0" * SECRET_BYTES, SECRET + b"\x1b[m", "\ufeff".encode() + SECRET):
            self.assert_refused(content, "not of one line")

    def test_is_no_public_key_of_another_form(self) -> None:
        """Else whoever has that, as anybody may, could sign."""
        for key in (ed25519_key().public_key(), rsa_key().public_key(), NOT_FOR_TICKETS[0].public_key()):
            self.assert_refused(
                key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "neither in PEM nor a secret"
            )
            ssh = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            for content in (ssh + b" ada@example", b'from="10.0.0.0/8" ' + ssh, b"sk-" + ssh):
                self.assert_refused(content, "neither in PEM nor a secret")
            for codec in ("utf-16-le", "utf-16-be"):
                self.assert_refused(("\ufeff" + public_pem(key).decode()).encode(codec), "a text in UTF-16")
        jwk = b'{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
        self.assert_refused(jwk, "neither in PEM nor a secret")


class PairTests(KeysTestCase):
    def test_the_public_key_checks_and_the_private_one_signs(self) -> None:
        for private, algorithm in ((ed25519_key(), "EdDSA"), (rsa_key(), "RS256")):
            key = load_key(self.holding(public_pem(private.public_key())))
            self.assertEqual((key.algorithm, key.material), (algorithm, private.public_key()))
            signing = load_signing_key(self.holding(private_pem(private)))
            self.assertEqual(signing.algorithm, algorithm)
            assert not isinstance(signing.material, bytes)
            self.assertEqual(private_pem(signing.material), private_pem(private))

    def test_forms_of_old(self) -> None:
        key, algorithm = rsa_key(), "RS256"
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        self.assertEqual(load_key(self.holding(public)).algorithm, algorithm)
        self.assertEqual(load_signing_key(self.holding(private)).algorithm, algorithm)

    def test_a_server_needs_no_private_key(self) -> None:
        for key in (ed25519_key(), rsa_key(), *NOT_FOR_TICKETS):
            self.assert_refused(private_pem(key), "the public one alone (openssl pkey -in", signing=False)
        self.assert_refused(private_pem(rsa_key(), b"sesame"), "the public one alone", signing=False)

    def test_a_public_key_does_not_sign(self) -> None:
        self.assert_refused(public_pem(ed25519_key().public_key()), "no private key", signing=True)

    def test_a_key_with_a_passphrase(self) -> None:
        self.assert_refused(private_pem(ed25519_key(), b"sesame"), "no passphrase", signing=True)

    def test_other_kinds(self) -> None:
        for key in (*NOT_FOR_TICKETS, rsa_key(1_024)):
            self.assert_refused(public_pem(key.public_key()), "Ed25519 keys and RSA keys of 2,048 bits", signing=False)
            self.assert_refused(private_pem(key), "Ed25519 keys and RSA keys of 2,048 bits", signing=True)

    def test_more_than_one(self) -> None:
        public, private = public_pem(ed25519_key().public_key()), private_pem(ed25519_key())
        for content in (public + public, public + private, private + public):
            self.assert_refused(content, "more than a key")

    def test_damaged(self) -> None:
        public, private = public_pem(ed25519_key().public_key()), private_pem(ed25519_key())
        for content in (public[:-30], public.replace(b"MC", b"MD"), b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN"):
            self.assert_refused(content, "no public key that can be read", signing=False)
        for content in (private[:-30], private.replace(b"MC", b"MD")):
            self.assert_refused(content, "no private key that can be read", signing=True)


class FileTests(KeysTestCase):
    def test_is_not_there(self) -> None:
        for load in (load_key, load_signing_key):
            error = self.assertRaises(StartRefused, load, self.path)
            self.assertEqual(str(error), f"the key {self.path} can't be read: No such file or directory")

    def test_is_a_folder(self) -> None:
        error = self.assertRaises(StartRefused, load_key, self.path.parent)
        self.assertIn("can't be read: Is a directory", str(error))

    def test_is_large(self) -> None:
        self.assertEqual(load_key(self.holding(b"x" * FILE_BYTES)).algorithm, "HS256")
        self.assert_refused(b"x" * (FILE_BYTES + 1), "too large for a key")
        self.assertIn("too large", str(self.assertRaises(StartRefused, load_key, Path("/dev/zero"))))


class NewSecretTests(KeysTestCase):
    def test_signs_and_checks(self) -> None:
        write_secret(self.path)
        self.assertRegex(self.path.read_text(), r"\A[0-9a-f]{64}\n\Z")
        self.assertEqual(load_key(self.path).material, load_signing_key(self.path).material)

    def test_is_another_each_time(self) -> None:
        other = self.path.with_name("other.key")
        write_secret(self.path)
        write_secret(other)
        self.assertNotEqual(self.path.read_text(), other.read_text())

    def test_is_readable_for_its_owner_alone(self) -> None:
        before = os.umask(0)
        try:
            write_secret(self.path)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_takes_the_place_of_nothing(self) -> None:
        self.holding(b"precious")
        self.assertRaises(FileExistsError, write_secret, self.path)
        self.assertEqual(self.path.read_bytes(), b"precious")
        nowhere = self.path.with_name("link")
        nowhere.symlink_to("elsewhere")
        self.assertRaises(FileExistsError, write_secret, nowhere)
        self.assertFalse(self.path.with_name("elsewhere").exists())

    def test_leaves_no_half_of_a_key(self) -> None:
        with patch("secrets.token_hex", side_effect=OSError(28, "No space left on device")):
            self.assertRaises(OSError, write_secret, self.path)
        self.assertFalse(self.path.exists())
