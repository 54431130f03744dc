"""What files of the common generators are read as."""

import json
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import claiming_pictures as files
from aedr.claims import watermarks
from aedr.claims.reading import read_claims
from aedr.claims.words import NOTHING, claims_in_words
from aedr.images.pictures import encode_png

MAX_PIXELS = 10**7
A1111 = {
    "claimed_generator": "Automatic1111",
    "claimed_model": "v1-5-pruned-emaonly",
    "claimed_model_hash": "6ce0161689",
    "claimed_vae": "vae-ft-mse-840000-ema-pruned.safetensors",
    "claimed_vae_hash": "735e4c3a44",
    "claimed_sampler": "Euler a",
    "claimed_size": "512x768",
}
COMFYUI = {
    "claimed_generator": "ComfyUI",
    "claimed_model": "flux1-dev.safetensors",
    "claimed_vae": "ae.safetensors",
    "claimed_sampler": "dpmpp_2m",
    "claimed_size": "1024x768",
}
NOVELAI = {
    "claimed_generator": "NovelAI",
    "claimed_model": "Stable Diffusion XL",
    "claimed_model_hash": "C1E1DE52",
    "claimed_sampler": "k_euler",
    "claimed_size": "832x1216",
}
GRAPH = json.dumps(files.graph(unet_name="flux1-dev.safetensors", vae_name="ae.safetensors"))
MIDJOURNEY = {"Description": f"{files.SECRET} --v 6.1 Job ID: 12345678-1234-1234-1234-123456789abc", "Author": "x"}
SOURCE_TYPE = {"claimed_source_type": "trainedAlgorithmicMedia"}
AS_ELEMENT = f"<Iptc4xmpExt:DigitalSourceType>{files.MADE_BY_MODEL}</Iptc4xmpExt:DigitalSourceType>"
AS_RESOURCE = f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{files.MADE_BY_MODEL}"/>'
AS_ATTRIBUTE = f'Iptc4xmpExt:DigitalSourceType="{files.MADE_BY_MODEL}"'
COMMENT = files.user_comment(files.INFOTEXT)


# A photograph that keeps watermarks: from many others, the decoder that wrote them does not read them.
PHOTOGRAPH = Image.fromarray(skimage.data.rocket())


def jpeg(**options: Any) -> bytes:
    return files.encoded(files.picture(), "JPEG", **options)


def found(data: bytes) -> dict[str, str]:
    return {key: value for key, value in read_claims(data, MAX_PIXELS).items() if value is not None}


CASES = {
    "Automatic1111, PNG": (files.png({"parameters": files.INFOTEXT}), A1111 | {"claimed_in": "PNG text"}),
    "Automatic1111, PNG, compressed": (files.png({"parameters": files.INFOTEXT}, True), A1111),
    "Automatic1111, JPEG": (jpeg(exif=files.exif(COMMENT)), A1111 | {"claimed_in": "EXIF UserComment"}),
    "Automatic1111, WebP": (files.encoded(files.picture(), "WEBP", exif=files.exif(COMMENT)), A1111),
    "Automatic1111, AVIF": (files.encoded(files.picture(), "AVIF", exif=files.exif(COMMENT)), A1111),
    "Automatic1111, TIFF": (files.encoded(files.picture(), "TIFF", exif=files.exif(COMMENT)), A1111),
    "Automatic1111, EXIF in a PNG": (files.png(exif=files.exif(COMMENT)), A1111),
    "Fooocus in Automatic1111's form": (
        files.png({"parameters": files.INFOTEXT.replace("Version: v1.9.4", "Version: Fooocus v2.5.5")}),
        A1111 | {"claimed_generator": "Fooocus"},
    ),
    "SD.Next": (
        files.png({"parameters": files.INFOTEXT.replace("Version: v1.9.4", "App: SD.Next, Version: 0cfd8af")}),
        A1111 | {"claimed_generator": "SD.Next"},
    ),
    "UTF-16, little-endian": (jpeg(exif=files.exif(files.user_comment(files.INFOTEXT, "le"))), A1111),
    "ASCII": (jpeg(exif=files.exif(b"ASCII\0\0\0" + files.INFOTEXT.encode())), A1111),
    "Automatic1111, hidden": (files.hiding(files.INFOTEXT), A1111 | {"claimed_in": "hidden alpha text"}),
    "Automatic1111, hidden, not compressed": (files.hiding(files.INFOTEXT, False), A1111),
    "ComfyUI": (files.png({"prompt": GRAPH, "workflow": "{}"}), COMFYUI | {"claimed_in": "PNG text"}),
    "ComfyUI, without workflow": (files.png({"prompt": GRAPH}), COMFYUI),
    "ComfyUI, WebP": (
        files.encoded(files.picture(), "WEBP", exif=files.exif(Model=f"prompt:{GRAPH}", Make="workflow:{}")),
        COMFYUI | {"claimed_in": "EXIF"},
    ),
    "InvokeAI": (
        files.png({"invokeai_metadata": json.dumps(files.INVOKEAI)}),
        {
            "claimed_generator": "InvokeAI",
            "claimed_model": "stable-diffusion-v1-5",
            "claimed_model_hash": "blake3:0123",
            "claimed_vae": "sd-vae-ft-mse",
            "claimed_sampler": "euler",
            "claimed_size": "640x512",
        },
    ),
    "InvokeAI, version 3": (
        files.png({"invokeai_metadata": json.dumps(files.INVOKEAI | {"model": {"model_name": "dreamshaper"}})}),
        {
            "claimed_generator": "InvokeAI",
            "claimed_model": "dreamshaper",
            "claimed_vae": "sd-vae-ft-mse",
            "claimed_sampler": "euler",
            "claimed_size": "640x512",
        },
    ),
    "Fooocus": (
        files.png({"parameters": json.dumps(files.FOOOCUS), "fooocus_scheme": "fooocus"}),
        {
            "claimed_generator": "Fooocus",
            "claimed_model": "juggernautXL_v8Rundiffusion",
            "claimed_model_hash": "aeb7e9e689",
            "claimed_sampler": "dpmpp_2m_sde_gpu",
            "claimed_size": "1024x768",
        },
    ),
    "NovelAI": (files.png(files.NOVELAI), NOVELAI | {"claimed_software": "NovelAI"}),
    "NovelAI, hidden": (files.hiding(json.dumps(files.NOVELAI)), NOVELAI | {"claimed_in": "hidden alpha text"}),
    "Midjourney": (
        files.png(MIDJOURNEY | {"XML:com.adobe.xmp": files.xmp(AS_ATTRIBUTE).decode()}),
        SOURCE_TYPE | {"claimed_generator": "Midjourney", "claimed_in": "PNG text, IPTC DigitalSourceType"},
    ),
    "Google": (
        jpeg(xmp=files.xmp(f'{AS_ATTRIBUTE} photoshop:Credit="Made with Google AI"')),
        SOURCE_TYPE | {"claimed_generator": "Google AI", "claimed_in": "XMP, IPTC DigitalSourceType"},
    ),
    "Meta": (jpeg(xmp=files.xmp("", AS_ELEMENT)), SOURCE_TYPE | {"claimed_in": "IPTC DigitalSourceType"}),
    "a source type as a resource": (jpeg(xmp=files.xmp("", AS_RESOURCE)), SOURCE_TYPE),
    "XMP of WebP": (files.encoded(files.picture(), "WEBP", xmp=files.xmp(AS_ATTRIBUTE)), SOURCE_TYPE),
    "a camera": (
        jpeg(exif=files.exif(Make="Canon", Model="EOS R5", Software="Adobe Photoshop 25.1")),
        {"claimed_camera": "Canon EOS R5", "claimed_software": "Adobe Photoshop 25.1", "claimed_in": "EXIF"},
    ),
    "a person's credit line": (jpeg(xmp=files.xmp(f'photoshop:Credit="{files.SECRET}"')), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_read_as_its_generator_wrote_it(name: str) -> None:
    data, expected = CASES[name]
    row = found(data)
    assert {key: row.get(key) for key in expected} == expected
    assert set(row) <= {*expected, "claimed_in"}, "nothing is made up"


@pytest.mark.parametrize("name", CASES)
def test_no_prompt_and_no_name_of_a_person_is_kept(name: str) -> None:
    row = found(CASES[name][0])
    assert files.SECRET not in str(row) and files.SECRET not in claims_in_words(row)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "GIF"])
def test_a_file_as_diffusers_saves_it_claims_nothing(form: str) -> None:
    row = read_claims(files.encoded(files.picture(), form), MAX_PIXELS)
    assert set(row.values()) == {None} and claims_in_words(row) == NOTHING


def test_places_that_contradict_each_other_are_both_heard() -> None:
    row = found(files.png({"parameters": files.INFOTEXT, "prompt": GRAPH}, exif=files.exif(COMMENT)))
    assert row["claimed_generator"] == "ComfyUI / Automatic1111"
    assert row["claimed_model"] == "flux1-dev.safetensors / v1-5-pruned-emaonly"
    assert row["claimed_in"] == "PNG text, EXIF UserComment"


def test_values_are_one_printable_line_of_bounded_length() -> None:
    hostile = "\x1b[31mred\u202e\n\0" + "x" * 10_000
    graph = json.dumps(files.graph(ckpt_name=hostile, unet_name="\ud800"))
    model = found(files.png({"prompt": graph}))["claimed_model"]
    assert model.startswith("[31mred x") and model.isprintable() and len(model) <= 200
    many = {str(number): {"class_type": "Loader", "inputs": {"ckpt_name": str(number)}} for number in range(9999)}
    assert found(files.png({"prompt": json.dumps(many)}))["claimed_model"] == "0 / 1 / 2 / 3 / 4"


def test_words_say_what_is_claimed_and_point_out_another_size() -> None:
    row = read_claims(files.png({"parameters": files.INFOTEXT}), MAX_PIXELS)
    words = claims_in_words(row | {"width": 64, "height": 64})
    assert words.startswith("The file claims, unverified: made with Automatic1111, model v1-5-pruned-emaonly (hash 6ce")
    assert "size 512x768, but the image has 64x64" in words
    assert "but" not in claims_in_words(row | {"width": 512, "height": 768})
    assert claims_in_words({"reason": "claims could not be read: why"}) == "Claims could not be read: why."


decoder = pytest.mark.skipif(
    not watermarks.is_decoder_installed(),
    reason="no decoder of watermarks: pip install --no-deps invisible-watermark==0.2.0 PyWavelets==1.9.0",
)


# As published code gives them to the encoder: what Python writes for a number has no leading zeros.
WRITTEN = {
    "Stable Diffusion 1": ("bytes", b"StableDiffusionV1"),
    "Stable Diffusion 2": ("bytes", b"SDV2"),
    "SDXL": ("bits", [int(bit) for bit in bin(0xB3EC907BB19E)[2:]]),
    "FLUX": ("bits", [int(bit) for bit in bin(0x2AFE879CF52E)[2:]]),
}


@decoder
@pytest.mark.parametrize("name", WRITTEN)
def test_published_watermarks_are_named(name: str) -> None:
    from imwatermark import WatermarkEncoder

    encoder = WatermarkEncoder()
    encoder.set_watermark(*WRITTEN[name])
    pixels = encoder.encode(np.asarray(PHOTOGRAPH)[..., ::-1].copy(), "dwtDct")[..., ::-1].copy()
    row = found(encode_png(pixels))
    assert row == {"watermark": name, "claimed_in": "watermark"}
    assert claims_in_words(row) == f"The file claims, unverified: watermark of {name}."


@decoder
@pytest.mark.parametrize("photograph, name", [("rocket", "SDXL"), ("astronaut", None)])
def test_the_watermark_that_diffusers_writes_is_named_unless_the_image_does_not_keep_it(photograph, name) -> None:
    import torch
    from diffusers.pipelines.stable_diffusion_xl.watermark import StableDiffusionXLWatermarker

    pixels = torch.from_numpy(getattr(skimage.data, photograph)()).permute(2, 0, 1)[None].float() / 127.5 - 1
    marked = StableDiffusionXLWatermarker().apply_watermark(pixels)[0].permute(1, 2, 0)
    pixels = ((marked + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    assert found(encode_png(pixels)).get("watermark") == name


@decoder
def test_pictures_without_a_watermark_have_none() -> None:
    for image in (PHOTOGRAPH, Image.new("RGB", (320, 320)), files.picture(64)):
        assert "watermark" not in found(files.encoded(image, "PNG"))


def test_without_a_decoder_no_watermark_is_looked_for(monkeypatch) -> None:
    monkeypatch.setattr(watermarks, "DECODER", "no_such_package")
    assert found(files.encoded(PHOTOGRAPH, "PNG")) == {}
