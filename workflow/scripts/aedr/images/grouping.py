"""Which images belong together, as a user declares it by folders or names."""

from aedr.study.sources import original_id


def group_of(image_id: str, source: str, by: str) -> str:
    """Return the group of an image: the images that belong together have the same.

    Args:
        image_id: the image's source and name. A copy at another size is in the group of its original.
        source: the source that the name is from, as `aedr.study.plan.grouping` says. Two of them never share a group.
        by: "folder" groups images in the same subfolder; "name" images in one folder whose names are equal up to the
            last `_` or `-`, if anything comes before it. With "image" and for all others, an image stands for itself.
    """
    _, _, name = original_id(image_id).partition("/")
    folder, _, file = name.rpartition("/")
    if by == "folder" and folder:
        return f"{source}/{folder}"
    mark = max(file.rfind("_"), file.rfind("-"))
    if by == "name" and mark > 0:
        return f"{source}/{name[: len(name) - len(file) + mark]}"
    return f"{source}/{name}"
