"""What an XMP packet claims: the IPTC's source type of the image, the software, the credit line."""

from xml.etree.ElementTree import Element

from defusedxml import ElementTree

from aedr.claims.claims import UnreadableClaim

LONGEST_PACKET = 2**20
RESOURCE = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
SOFTWARE = "{http://ns.adobe.com/xap/1.0/}CreatorTool"
CREDIT = "{http://ns.adobe.com/photoshop/1.0/}Credit"
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
# Content Credentials that are kept elsewhere.
PROVENANCE = "{http://purl.org/dc/terms/}provenance"
PROPERTIES = (SOURCE_TYPE, SOFTWARE, CREDIT, DESCRIPTION, PROVENANCE)


def read_xmp(packet: bytes) -> dict[str, str]:
    """Return the values of those of `PROPERTIES` that a packet has, each written as an attribute or as an element.

    Raises:
        UnreadableClaim: the packet is longer than `LONGEST_PACKET`.
        xml.etree.ElementTree.ParseError: it is not XML.
        defusedxml.DefusedXmlException: it has a document type, so it may define entities.
    """
    if len(packet) > LONGEST_PACKET:
        raise UnreadableClaim(f"a packet of more than {LONGEST_PACKET} bytes")
    found: dict[str, str] = {}
    for element in ElementTree.fromstring(packet.strip(b"\0 \r\n\t"), forbid_dtd=True).iter():
        for name in PROPERTIES:
            value = element.get(name) or (_text(element) if element.tag == name else None)
            if value:
                found.setdefault(name, value)
    return found


def source_type(value: str) -> str:
    """Return the term of the IPTC's vocabulary that a URI names, such as trainedAlgorithmicMedia."""
    return value.rstrip("/").rpartition("/")[2]


def _text(element: Element) -> str:
    return (element.get(RESOURCE) or "".join(element.itertext())).strip()
