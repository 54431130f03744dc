"""Which latent diffusion model's autoencoder decoded this image? Attribution by double reconstruction."""

from snakemake.utils import min_version

min_version("9.0")

# A configuration given on the command line replaces the default study; it is not merged into it.
if "models" not in config:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/autoencoders.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/prompts.smk"
include: "workflow/rules/reconstruction.smk"
include: "workflow/rules/rivals.smk"
include: "workflow/rules/scoring.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/verdicts.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/second_stage.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/demo.smk"
include: "workflow/functions/terminal.smk"
include: "workflow/functions/scheduling.smk"
include: "workflow/functions/preloading.smk"


onstart:
    start_progress()
    say_changed_limits()
    wait_with_one_timer()
    begin_preloading()


onsuccess:
    end_preloading()
    stop_progress()
    say_summary()


onerror:
    end_preloading()
    stop_progress()
    say_failures(log)


rule all:
    default_target: True
    input:
        rules.record_configuration.output,
        rules.collect_autoencoders.output,
        rules.evaluate_accuracy.output,
        rules.export_calibration.output,
        rules.plot_accuracy.output,
        rules.plot_comparison.output,
        signal_figures,
        [f"{RESULTS}/plots/contact_sheets/{source}.png" for source in SOURCES],
        rules.compare_with_paper.output if PAPER_MODELS else [],
        [rules.compare_methods.output, rules.plot_methods.output] if config["rivals"] else [],
        rules.collect_robustness.output if TRANSFORMS else [],
        rules.plot_robustness.output if TRANSFORMS else [],
        second_stage_outputs,
        rules.plot_strengths.output if strength_axes(TRANSFORMS) else [],
        rules.write_report.output,
