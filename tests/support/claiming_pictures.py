"""Pictures whose files claim something, as the common generators, cameras and signers write it."""

import datetime
import functools
import gzip
import io
import json
from collections.abc import Mapping
from typing import Any

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import ExifTags, Image, PngImagePlugin

# In every prompt: nothing of a prompt may reach a table.
SECRET = "zanzibar"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MADE_BY_MODEL = f"{SOURCE_TYPES}trainedAlgorithmicMedia"

INFOTEXT = (
    f"{SECRET}, a cat: (red:1.2)\nNegative prompt: {SECRET} dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, "
    "Seed: 1, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, VAE hash: 735e4c3a44, "
    "VAE: vae-ft-mse-840000-ema-pruned.safetensors, Version: v1.9.4"
)


def graph(**loaders: str) -> dict[str, Any]:
    """Return ComfyUI's graph of nodes, with these inputs of loaders."""
    nodes = [
        ("KSampler", {"sampler_name": "dpmpp_2m", "steps": 20, "cfg": 8, "model": ["4", 0], "latent_image": ["5", 0]}),
        ("EmptyLatentImage", {"width": 1024, "height": 768, "batch_size": 1}),
        ("CLIPTextEncode", {"text": f"a {SECRET} cat", "clip": ["4", 1]}),
        *[("Loader", {key: value}) for key, value in loaders.items()],
    ]
    return {str(number): {"class_type": kind, "inputs": inputs} for number, (kind, inputs) in enumerate(nodes)}


NOVELAI = {
    "Title": "AI generated image",
    "Description": f"{SECRET} cat",
    "Software": "NovelAI",
    "Source": "Stable Diffusion XL C1E1DE52",
    "Comment": json.dumps({"prompt": SECRET, "sampler": "k_euler", "width": 832, "height": 1216, "uc": SECRET}),
}
FOOOCUS = {
    "prompt": f"{SECRET} cat",
    "negative_prompt": SECRET,
    "base_model": "juggernautXL_v8Rundiffusion",
    "base_model_hash": "aeb7e9e689",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "resolution": "(1024, 768)",
    "vae": "Default (model)",
    "version": "Fooocus v2.5.5",
}
INVOKEAI = {
    "positive_prompt": f"{SECRET} cat",
    "negative_prompt": SECRET,
    "width": 640,
    "height": 512,
    "scheduler": "euler",
    "model": {"key": "1", "hash": "blake3:0123", "name": "stable-diffusion-v1-5", "base": "sd-1", "type": "main"},
    "vae": {"name": "sd-vae-ft-mse"},
}


def picture(side: int = 64, mode: str = "RGB") -> Image.Image:
    """Return coarse noise."""
    coarse = np.random.default_rng(3).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8))).convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(texts: Mapping[str, str] | None = None, compressed: bool = False, **options: Any) -> bytes:
    """Return a PNG with texts, which Pillow writes as tEXt, iTXt or zTXt."""
    info = PngImagePlugin.PngInfo()
    for keyword, text in (texts or {}).items():
        info.add_text(keyword, text, zip=compressed)
    return encoded(picture(), "PNG", pnginfo=info, **options)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG; nobody checks its sum."""
    return len(body).to_bytes(4, "big") + kind + body + b"\0\0\0\0"


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Return a PNG with one more chunk after its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def exif(comment: bytes | None = None, **tags: str) -> bytes:
    """Return an EXIF block with a UserComment and texts of the main directory."""
    block = Image.Exif()
    for tag, text in tags.items():
        block[ExifTags.Base[tag]] = text
    if comment is not None:
        block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return block.tobytes()


def user_comment(text: str, order: str = "be") -> bytes:
    """Return a UserComment as piexif writes it for Automatic1111, big-endian whatever the block is."""
    return b"UNICODE\0" + text.encode(f"utf-16-{order}")


def xmp(attributes: str = "", elements: str = "") -> bytes:
    """Return an XMP packet."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:dcterms="http://purl.org/dc/terms/" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def hiding(text: str, compressed: bool = True, size: tuple[int, int] = (96, 64)) -> bytes:
    """Return a PNG that hides a text in its alpha channel, as NovelAI does."""
    body = gzip.compress(text.encode()) if compressed else text.encode()
    signature = b"stealth_pngcomp" if compressed else b"stealth_pnginfo"
    bits = np.unpackbits(np.frombuffer(signature + (8 * len(body)).to_bytes(4, "big") + body, np.uint8))
    width, height = size
    alpha = np.ones(width * height, np.uint8)
    alpha[: len(bits)] = bits[: len(alpha)]
    image = picture(96).resize(size).convert("RGBA")
    image.putalpha(Image.fromarray(254 + alpha.reshape(width, height).T))
    return encoded(image, "PNG")


@functools.cache
def _signer_files() -> tuple[bytes, bytes]:
    """Return the certificates, a leaf's and its root's, and the leaf's key, of a signer that nobody knows."""

    def name(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Organization"),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    certificates = []
    for key, is_root in zip(keys, (False, True), strict=True):
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        ) | dict.fromkeys(("encipher_only", "decipher_only"), False)
        usage |= {"digital_signature": True, "key_cert_sign": is_root, "crl_sign": is_root}
        builder = (
            x509.CertificateBuilder()
            .subject_name(name("root" if is_root else "leaf"))
            .issuer_name(name("root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2024, 1, 1))
            .not_valid_after(datetime.datetime(2090, 1, 1))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[1].public_key()), critical=False)
        )
        if not is_root:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        certificates.append(builder.sign(keys[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = keys[0].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"".join(certificates), private


def signed(
    data: bytes, *actions: Mapping[str, Any], mime: str = "image/png", url: str | None = None, is_edited: bool = False
) -> bytes:
    """Return a picture with Content Credentials, or with only their `url`; an edited one keeps those that it had."""
    manifest = {
        "claim_generator_info": [{"name": "Test Tool", "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}}],
    }
    settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
    certificates, key = _signer_files()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", certificates, key, None))
    output = io.BytesIO()
    builder = c2pa.Builder(manifest, context=c2pa.Context.from_dict(settings))
    if url is not None:
        builder.set_remote_url(url)
        builder.set_no_embed()
    if is_edited:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    builder.sign(signer, mime, io.BytesIO(data), output)
    return output.getvalue()


CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": MADE_BY_MODEL,
    "softwareAgent": {"name": "DALL-E", "version": "3"},
}
