# What prompts are made from.


def caption_inputs():
    """Return the input that extract_prompts takes captions from: a CSV file, or else a captioner."""
    if PROMPTS["captions"]:
        return {"captions": PROMPTS["captions"]}
    return {"captioner": captioner_folder()} if PROMPTS["captioner"] else {}


def interrogation_cost(wildcards, resources):
    """Return what changes the time that prompts take; a function of `resources` is no reason to run a job again."""
    return {"device": config["device"], "batch_size": PROMPTS["batch_size"]}
