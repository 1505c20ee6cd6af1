"""Certificates of one's own."""

import os
import ssl
from pathlib import Path

from cryptography import x509

from crossmargin.server.tls import own_certificate


def test_it_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    """Three files of mode 0600; a second start takes the same."""
    first = own_certificate(tmp_path / "venue.db", "127.0.0.1")
    before = first.key.read_bytes()

    assert own_certificate(tmp_path / "venue.db", "127.0.0.1") == first
    assert first.key.read_bytes() == before
    assert {os.stat(each).st_mode & 0o777 for each in (first.authority, first.chain, first.key)} == {0o600}


def test_clients_that_trust_the_authority_can_check_it(tmp_path: Path) -> None:
    """It loads into both ends of TLS, and holds for loopback and the host that was asked for."""
    made = own_certificate(tmp_path / "venue.db", "192.0.2.7")
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.chain, made.key)
    ssl.create_default_context(cafile=str(made.authority))
    certificate = x509.load_pem_x509_certificate(made.chain.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "192.0.2.7"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_one_that_is_damaged_in_part_is_made_anew(tmp_path: Path) -> None:
    """Without its key the others are no use."""
    made = own_certificate(tmp_path / "venue.db", "127.0.0.1")
    before = made.chain.read_bytes()
    made.key.unlink()

    assert own_certificate(tmp_path / "venue.db", "127.0.0.1").chain.read_bytes() != before
