"""Content Credentials, signed by a signer that nobody knows."""

import http.server
import threading

import pytest

import claiming_pictures as files
from aedr.claims.reading import read_claims
from aedr.claims.words import claims_in_words

VALID = "valid, but nobody vouches for the signer here"


def found(data: bytes) -> dict[str, str]:
    return {key: value for key, value in read_claims(data, 10**7).items() if value is not None}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF"])
def test_a_signed_file_says_who_made_it_with_what(form: str) -> None:
    plain = files.encoded(files.picture(), form)
    row = found(files.signed(plain, files.CREATED, {"action": "c2pa.converted"}, mime=f"image/{form.lower()}"))
    assert row == {
        "claimed_generator": "DALL-E 3",
        "claimed_source_type": "trainedAlgorithmicMedia",
        "credentials_issuer": "Test Organization",
        "credentials_actions": "c2pa.created (trainedAlgorithmicMedia) by DALL-E 3 / c2pa.converted",
        "credentials_validity": VALID,
        "claimed_in": "Content Credentials",
    }


def test_a_generator_is_the_signing_tool_where_no_software_is_named() -> None:
    created = {key: value for key, value in files.CREATED.items() if key != "softwareAgent"}
    assert found(files.signed(files.png(), created))["claimed_generator"] == "Test Tool"
    edited = {"action": "c2pa.edited", "softwareAgent": "Editor"}
    row = found(files.signed(files.png(), {"action": "c2pa.opened"}, edited))
    assert "claimed_generator" not in row and "c2pa.edited by Editor" in row["credentials_actions"]


def test_a_file_that_changed_after_it_was_signed_is_invalid_and_says_why() -> None:
    data = bytearray(files.signed(files.png(), files.CREATED))
    # In the pixels, which come last.
    data[-40] ^= 1
    row = found(bytes(data))
    assert row["credentials_validity"] == "invalid: assertion.dataHash.mismatch"
    assert row["credentials_issuer"] == "Test Organization", "an invalid claim is a claim"
    assert "(invalid: assertion.dataHash.mismatch)" in claims_in_words(row)


def test_a_forged_manifest_is_invalid() -> None:
    data = files.signed(files.png(), files.CREATED)
    assert data.count(b"DALL-E") == 1
    row = found(data.replace(b"DALL-E", b"NOBODY"))
    assert row["claimed_generator"] == "NOBODY 3"
    assert row["credentials_validity"].startswith("invalid: ") and "hashedURI.mismatch" in row["credentials_validity"]


def test_credentials_that_are_kept_elsewhere_are_not_fetched() -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/manifest.c2pa"
        rows = [found(files.signed(files.png(), files.CREATED, url=url))]
        rows.append(found(files.encoded(files.picture(), "JPEG", xmp=files.xmp(f'dcterms:provenance="{url[:-5]}"'))))
        server.shutdown()
    assert asked == []
    for row in rows:
        assert row["credentials_validity"] == "not checked: they are kept elsewhere, and nothing is fetched"


def test_an_edited_image_tells_what_its_original_was_made_with() -> None:
    original = files.signed(files.png(), files.CREATED)
    row = found(files.signed(original, {"action": "c2pa.cropped"}, is_edited=True))
    assert row["claimed_generator"] == "DALL-E 3"
    assert row["credentials_actions"].endswith("c2pa.cropped / c2pa.created (trainedAlgorithmicMedia) by DALL-E 3")


def test_damaged_credentials_take_no_other_claim_away() -> None:
    data = files.signed(files.png({"parameters": files.INFOTEXT}), files.CREATED)
    start = data.index(b"caBX") + 4
    row = found(data[: start + 60] + b"\xff" * 60 + data[start + 120 :])
    assert row["claimed_generator"].startswith("Automatic1111")
    assert "Content Credentials" in row.get("reason", "") or row["credentials_validity"].startswith("invalid")
