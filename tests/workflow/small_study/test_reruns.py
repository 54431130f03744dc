"""What a change costs: the jobs that a finished study plans after it."""

import shutil

import pytest

import tiny_models
from studies import UNTRAINED, planned_jobs

COLLECTING = {
    "compute_signals": 1,
    "fit_threshold": 1,
    "evaluate_accuracy": 1,
    "export_calibration": 1,
    "plot_accuracy": 1,
    "plot_comparison": 1,
    "record_configuration": 1,
    "compare_methods": 1,
    "plot_methods": 1,
    "write_report": 1,
}


def test_a_second_run_does_nothing(study, root) -> None:
    assert planned_jobs(*study, root=root) == {}


def test_a_rival_added_costs_its_own_jobs_and_the_collecting_ones(study, root) -> None:
    folder, config = study
    added = config | {"rivals": [*config["rivals"], "latent_tracer"]}
    assert planned_jobs(folder, added, root=root) == COLLECTING | {"measure_rival": 2 * 3, "plot_signals": 2}


def test_a_model_added_costs_its_own_jobs_and_the_collecting_ones(study, root) -> None:
    folder, config = study
    tiny_models.save_stable_diffusion(folder / "models/new", seed=9)
    entry = config["models"]["sd"] | {"path": "models/new"}
    planned = planned_jobs(folder, config | {"models": config["models"] | {"new": entry}}, root=root)
    # Its autoencoder on four sources, and its images under the two others.
    own = {"generate_images": 1, "measure_homogeneity": 1, "plot_contact_sheet": 1, "reconstruct_images": 4 + 2}
    # Whether it has a codebook is not known before it is identified.
    own |= {"read_histories": 1, "identify_autoencoder": 1, "measure_rival": (4 + 2) + (4 + 1)}
    assert planned == COLLECTING | own | {"collect_autoencoders": 1, "plot_signals": 3}


def test_models_that_share_an_autoencoder_share_its_jobs(study, root) -> None:
    folder, config = study
    entry = config["models"]["sd"] | {"autoencoder": "sd"}
    planned = planned_jobs(folder, config | {"models": config["models"] | {"twin": entry}}, root=root)
    assert planned["reconstruct_images"] == 2
    assert not {"identify_autoencoder", "collect_autoencoders"} & set(planned)


def test_the_significance_level_touches_only_what_follows_from_it(study, root) -> None:
    folder, config = study
    planned = planned_jobs(
        folder, config | {"attribution": config["attribution"] | {"significance_level": 0.1}}, root=root
    )
    assert planned == {
        "fit_threshold": 1,
        "evaluate_accuracy": 1,
        "plot_accuracy": 1,
        "plot_comparison": 1,
        "plot_signals": 2,
        "record_configuration": 1,
        "compare_methods": 1,
        "plot_methods": 1,
        "write_report": 1,
    }


@pytest.mark.parametrize("limits", [{"max_pixels": 10**9}, {"max_pixels": 1000}, {"max_bytes": 1000}])
def test_a_limit_on_pictures_reruns_nothing_but_the_record_and_the_report(study, root, limits) -> None:
    folder, config = study
    assert planned_jobs(folder, config | limits, root=root) == {"record_configuration": 1, "write_report": 1}


@pytest.mark.parametrize(
    "key, value", [("batch_size", 1), ("autoencoder", UNTRAINED["autoencoder"] | {"batch_size": 1})]
)
def test_a_batch_size_reruns_nothing_but_the_record_and_the_report(study, root, key, value) -> None:
    folder, config = study
    models = config["models"] | {"sd": config["models"]["sd"] | {key: value}}
    assert planned_jobs(folder, config | {"models": models}, root=root) == {
        "record_configuration": 1,
        "write_report": 1,
    }


def test_a_picture_added_reruns_its_image_set_alone(study, root) -> None:
    folder, config = study
    added = folder / "pictures/zz.png"
    shutil.copy(folder / "pictures/alpha.png", added)
    try:
        planned = planned_jobs(folder, config | {"images_per_source": 21, "shard_size": 21}, root=root)
    finally:
        added.unlink()
    assert planned["import_images"] == 1 and planned["reconstruct_images"] == 2
    assert "generate_images" not in planned


def test_a_group_declared_reconstructs_nothing(study, root) -> None:
    folder, config = study
    grouped = {"image_sets": {"pictures": config["image_sets"]["pictures"] | {"group": "name"}}}
    planned = planned_jobs(folder, config | grouped, root=root)
    assert planned == COLLECTING | {"measure_homogeneity": 1, "plot_signals": 2}


def test_a_changed_module_reruns_the_rules_that_use_it(study, root) -> None:
    module = root / "workflow/scripts/aedr/reconstruction/losses.py"
    text = module.read_text()
    module.write_text(text + "\n# changed\n")
    try:
        planned = planned_jobs(*study, root=root)
    finally:
        module.write_text(text)
    assert planned["reconstruct_images"] == 6
    assert not {"generate_images", "import_images", "measure_homogeneity"} & set(planned)
