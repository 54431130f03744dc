# What the training of the embedded models depends on.


def demo_autoencoder_settings(wildcards):
    """Return what a demo model's autoencoder depends on."""
    model = DEMO["models"][wildcards.demo_model]
    return {
        "model": wildcards.demo_model,
        "architecture": model["autoencoder"],
        "photographs": DEMO["photographs"],
        "pictures": DEMO["pictures"],
        "crops": DEMO["crops"],
        "training": DEMO["autoencoder"] | model.get("autoencoder_training", {}),
        "seed": DEMO["seed"],
    }


def demo_diffusion_settings(wildcards):
    """Return what a demo model's denoiser and text encoders depend on, besides the autoencoder and the vocabulary."""
    model = DEMO["models"][wildcards.demo_model]
    training = DEMO["diffusion"] | model.get("diffusion_training", {})
    return {
        "model": wildcards.demo_model,
        "architecture": {key: model[key] for key in ("pipeline", "denoiser", "scheduler", "text_encoders")},
        "text": DEMO["text"],
        "photographs": DEMO["photographs"],
        "pictures": DEMO["pictures"] | training["pictures"],
        "training": training,
        "seed": DEMO["seed"],
    }


def demo_member_settings(wildcards):
    """Return what a model that shares another demo model's autoencoder depends on, besides that model's folder."""
    member = DEMO["members"][wildcards.demo_member]
    base = DEMO["models"][member["base"]]
    training = DEMO["diffusion"] | base.get("diffusion_training", {}) | member.get("training", {})
    names = member.get("photographs", list(DEMO["photographs"]))
    return {
        "model": wildcards.demo_member,
        "anew": member.get("anew", False),
        "lora": member.get("lora"),
        "architecture": {key: base[key] for key in ("pipeline", "denoiser", "scheduler", "text_encoders")},
        "text": DEMO["text"],
        "photographs": {name: DEMO["photographs"][name] for name in names},
        "pictures": DEMO["pictures"] | training["pictures"],
        "training": training,
        "seed": DEMO["seed"],
    }
