"""A certificate of one's own: an authority and a certificate for loopback, made once and kept beside the journal.

Clients are told to trust the authority (``SSL_CERT_FILE``, or what their library calls it).
"""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

__all__ = ["Certificate", "own_certificate"]

_DAYS = 825
_AUTHORITY, _SERVER = "crossmargin paper exchange, local authority", "localhost"
_PEM, _PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()
_FORM = serialization.PrivateFormat.PKCS8


class Certificate(Struct, frozen=True):
    """Files of a certificate: whom clients trust, the chain, and its key."""

    authority: Path
    chain: Path
    key: Path

    @property
    def whole(self) -> bool:
        """Whether all three are there, and hold for a while yet."""
        if not all(each.is_file() for each in (self.authority, self.chain, self.key)):
            return False
        ends = x509.load_pem_x509_certificate(self.chain.read_bytes()).not_valid_after_utc
        return ends > datetime.now(UTC) + timedelta(days=1)


def own_certificate(beside: Path, host: str) -> Certificate:
    """The certificate beside a file, made if there is none that holds.

    Args:
        beside: Its files are named after this one.
        host: A further address that it holds for, beside loopback.
    """
    found = Certificate(Path(f"{beside}.ca.pem"), Path(f"{beside}.cert.pem"), Path(f"{beside}.key.pem"))
    if not found.whole:
        _make(found, host)
    return found


def _make(files: Certificate, host: str) -> None:
    signer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = _name(_AUTHORITY)
    authority = (
        _draft(name, name, signer.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    certificate = (
        _draft(_name(_SERVER), name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(_places(host)), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    trusted = authority.public_bytes(_PEM)
    _write(files.authority, trusted)
    _write(files.chain, certificate.public_bytes(_PEM) + trusted)
    _write(files.key, key.private_bytes(_PEM, _FORM, _PLAIN))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _places(host: str) -> list[x509.GeneralName]:
    """Names and addresses that the certificate holds for."""
    found: dict[str, x509.GeneralName] = {"localhost": x509.DNSName("localhost")}
    for address in ("127.0.0.1", "::1", host):
        try:
            found[address] = x509.IPAddress(ipaddress.ip_address(address))
        except ValueError:
            found[address] = x509.DNSName(address)
    return list(found.values())


def _write(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read, in place of whatever was there."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
