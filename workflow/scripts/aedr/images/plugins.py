"""Decoders of HEIC and JPEG XL, where their user has installed them: pillow-heif and pillow-jxl-plugin."""

import importlib
import importlib.util
import io

from PIL import ExifTags, Image

from aedr.errors import UnusableImage
from aedr.images.pictures import orientation_of

# The format's name in Pillow, the module, and the function of the module that registers it, if importing does not.
PLUGINS = {"HEIF": ("pillow_heif", "register_heif_opener"), "JXL": ("pillow_jxl", None)}


def decode_by_plugin(data: bytes, max_pixels: int) -> tuple[str, bytes] | None:
    """Return the format of a picture that only a plugin decodes, and its pixels as PNG; None if no plugin does.

    Environments without the plugin read the PNG. Alpha and EXIF's orientation are kept.

    Raises:
        UnusableImage: it has more than `max_pixels`.
    """
    for format, (module, register) in PLUGINS.items():
        if importlib.util.find_spec(module) is None:
            continue
        plugin = importlib.import_module(module)
        if register is not None:
            getattr(plugin, register)()
        try:
            with Image.open(io.BytesIO(data), formats=[format]) as image:
                if image.width * image.height > max_pixels:
                    raise UnusableImage(f"{image.width}x{image.height} pixels are more than max_pixels ({max_pixels})")
                exif = Image.Exif()
                exif[ExifTags.Base.Orientation] = orientation_of(image)
                buffer = io.BytesIO()
                image.convert("RGBA" if image.has_transparency_data else "RGB").save(buffer, "PNG", exif=exif)
                return format, buffer.getvalue()
        except UnusableImage:
            raise
        # Decoders may raise almost anything on another or a damaged file.
        except Exception:
            continue
    return None
