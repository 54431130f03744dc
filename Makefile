# make demo       run the embedded study; needs no GPU, and no network once installed
# make install    install what a study needs into .venv
# make docs       build the documents as a site in site/
# make check      run the linters, the type checker and the unit tests, in minutes
# make test       run every check
#
# TORCH=cpu installs the CPU build of torch, a tenth of the download, for machines without a GPU.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
TORCH_INDEX = $(if $(filter cpu,$(TORCH)),--extra-index-url https://download.pytorch.org/whl/cpu)
BIN = .venv/bin
# The tables of the demo's images in a folder of results.
images_of = $(foreach source,demo-sd demo-sd3 demo-tiny demo-xl demo-vq photographs,$(1)/images/$(source)/00000.parquet)
MEMBERS = demo-sd demo-sd-reseeded demo-sd-tuned demo-sd-lora
# Two workers, even on more cores: the longest tests all run in one worker.
PYTEST = $(BIN)/pytest --numprocesses 2 --durations 10

.PHONY: check demo demo-contents demo-damage demo-figures demo-matched demo-members demo-pictures demo-rivals \
  demo-screenshots \
  demo-signals demo-signals-control demo-verdicts docs help install install-tests lint test

help:
	@sed -n 's/^# //p' Makefile

demo: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml
	@echo "Open results/demo/report.html; the tables are in results/demo, the figures in results/demo/plots."

# The README's numbers: five seeds of the embedded study and its control.
demo-figures: .venv/installed
	for seed in 1 2 3 4 5; do \
	  $(BIN)/snakemake results/demo_figures/seed_$$seed/accuracy.parquet --cores $(CORES) --configfile config/demo.yaml \
	    --config seed=$$seed results=results/demo_figures/seed_$$seed || exit 1; \
	done
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo/control.yaml
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/summarise_accuracy.py results/demo_figures/seed_1 results/demo_figures/seed_2 \
	  results/demo_figures/seed_3 results/demo_figures/seed_4 results/demo_figures/seed_5 results/demo_control

# The README's figures.
demo-pictures: demo
	cp results/demo/plots/accuracy.png docs/images/demo_accuracy.png
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/draw_sources.py results/demo docs/images/demo_sources.png

# The screenshots in docs/report.md, taken with Chromium: the demo's report, and verdicts on six of its images.
demo-screenshots: demo .venv/installed-tests
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/pick_images.py results/demo results/demo_query
	$(BIN)/snakemake attribute --cores $(CORES) --configfile config/demo.yaml --config query=results/demo_query
	PYTHONPATH=tests/support $(BIN)/python benchmarks/demo/take_screenshots.py results/demo docs/images

# The tables of verdicts: by pixels in docs/accuracy.md, where three calibrations are each asked about three sets of new images of
# the same models and about photographs that are not in the study; then those of images after damage, by demo-signals.
demo-verdicts: .venv/installed
	$(BIN)/python benchmarks/demo/crop_unseen_photographs.py results/demo_unseen
	$(BIN)/python benchmarks/demo/spoil_autoencoder.py results/demo_spoiled
	for seed in 1 2 3; do \
	  $(BIN)/snakemake results/demo_pixels/seed_$$seed/calibration.parquet --cores $(CORES) \
	    --configfile config/demo.yaml config/demo/pixels.yaml --config seed=$$seed results=results/demo_pixels/seed_$$seed || exit 1; \
	done
	$(BIN)/snakemake results/demo_wrong_folder/calibration.parquet --cores $(CORES) \
	  --configfile config/demo.yaml config/demo/pixels.yaml config/demo/wrong_folder.yaml
	for seed in 202 203 204; do \
	  $(BIN)/snakemake results/demo_fresh/seed_$$seed/signals.parquet --cores $(CORES) \
	    --configfile config/demo.yaml config/demo/pixels.yaml config/demo/wrong_folder.yaml config/demo/fresh.yaml \
	    --config seed=$$seed results=results/demo_fresh/seed_$$seed || exit 1; \
	done
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/score_verdicts.py \
	  --studies results/demo_pixels/seed_1 results/demo_pixels/seed_2 results/demo_pixels/seed_3 \
	  --fresh results/demo_fresh/seed_202 results/demo_fresh/seed_203 results/demo_fresh/seed_204 \
	  --wrong results/demo_wrong_folder
	$(MAKE) demo-signals

# The tables of docs/damage.md: images that were compressed, resized, cropped and mirrored; and what of them need not be measured, in
# docs/cost.md. It takes two hours on two cores.
demo-signals: .venv/installed
	$(BIN)/python benchmarks/demo/crop_unseen_photographs.py results/demo_unseen
	$(BIN)/snakemake $(call images_of,results/demo_signals/calibration) --cores $(CORES) --configfile config/demo.yaml \
	  --config results=results/demo_signals/calibration
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/measure_damage.py results/demo_signals/calibration \
	  results/demo_signals/measured/calibration --images 72 --damage untouched
	for third in 0 1 2; do \
	  seed=$$((203 + third)); \
	  $(BIN)/snakemake $(call images_of,results/demo_signals/seed_$$seed) --cores $(CORES) \
	    --configfile config/demo.yaml config/demo/fresh.yaml --config seed=$$seed results=results/demo_signals/seed_$$seed || exit 1; \
	  PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/measure_damage.py results/demo_signals/seed_$$seed \
	    results/demo_signals/measured/seed_$$seed --images 12 --photographs $$third 3 || exit 1; \
	done
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/score_damage.py \
	  $(foreach seed,203 204 205,results/demo_signals/measured/seed_$(seed)) --calibrations results/demo_signals/measured/calibration
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/score_early_stops.py \
	  $(foreach seed,203 204 205,results/demo_signals/measured/seed_$(seed)) --calibration results/demo_signals/measured/calibration \
	  --seconds results/demo_signals/seed_203

# The table of docs/damage.md where every autoencoder decodes the same photographs.
demo-signals-control: .venv/installed
	$(BIN)/python benchmarks/demo/crop_unseen_photographs.py results/demo_unseen
	$(BIN)/snakemake $(call images_of,results/demo_control) --cores $(CORES) --configfile config/demo/control.yaml
	$(BIN)/snakemake $(call images_of,results/demo_contents) --cores $(CORES) \
	  --configfile config/demo/control.yaml config/demo/contents.yaml
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/measure_damage.py results/demo_control \
	  results/demo_signals/measured/control --images 72 --damage untouched
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/measure_damage.py results/demo_contents \
	  results/demo_signals/measured/contents --images 24 --photographs 0 2 \
	  --damage untouched jpeg-90 jpeg-75 jpeg-60 jpeg-40 webp-80 shrunk-restored mirrored
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/score_damage.py results/demo_signals/measured/contents \
	  --calibrations results/demo_signals/measured/control

# The tables of docs/second_stage.md: four models that share an autoencoder, then their images with three other seeds, and those of
# one of these seeds after damage.
demo-members: .venv/installed
	$(BIN)/python benchmarks/demo/crop_unseen_photographs.py results/demo_unseen
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml config/demo/members.yaml
	for seed in 203 204 205; do \
	  $(BIN)/snakemake $(foreach model,$(MEMBERS),results/demo_members_fresh/seed_$$seed/images/$(model)/00000.parquet) \
	    --cores $(CORES) --configfile config/demo.yaml config/demo/fresh.yaml config/demo/members.yaml \
	    --config seed=$$seed results=results/demo_members_fresh/seed_$$seed || exit 1; \
	  PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/measure_members.py results/demo_members/second_stage/calibration.parquet \
	    results/demo_members_fresh/seed_$$seed results/demo_members_fresh/measured/seed_$$seed || exit 1; \
	done
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/measure_members.py results/demo_members/second_stage/calibration.parquet \
	  results/demo_members_fresh/seed_203 results/demo_members_fresh/measured/seed_203 --damage jpeg-95 jpeg-90 jpeg-75 mirrored
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/score_members.py results/demo_members/second_stage/calibration.parquet \
	  $(foreach seed,203 204 205,results/demo_members_fresh/measured/seed_$(seed))
	cp results/demo_members/plots/second_stage.png docs/images/second_stage.png

# Verdicts where contents change: the same autoencoders decode six photographs, then twelve others.
demo-contents: demo
	$(BIN)/python benchmarks/demo/crop_unseen_photographs.py results/demo_unseen
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo/control.yaml -- results/demo_control/signals.parquet
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo/control.yaml config/demo/contents.yaml -- \
	  results/demo_contents/signals.parquet
	PYTHONPATH=workflow/scripts $(BIN)/python benchmarks/demo/score_contents.py results/demo results/demo_control results/demo_contents

# The table and the figure of docs/robustness.md. One process does most of the work, so imports run only once.
demo-damage: .venv/installed
	$(BIN)/snakemake results/demo_damage/signals.parquet --cores $(CORES) --configfile config/demo.yaml config/demo/damage.yaml
	$(BIN)/python benchmarks/demo/damage_in_one_process.py config/demo.yaml config/demo/damage.yaml
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml config/demo/damage.yaml
	cp results/demo_damage/plots/robustness.png docs/images/demo_robustness.png

# The matched track of docs/robustness.md, next to sources of different sizes and formats.
demo-matched: .venv/installed
	$(BIN)/python benchmarks/demo/save_odd_photographs.py results/demo_odd_photographs
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml config/demo/matched.yaml

# The tables of docs/rivals.md: every method on the demo, then on its control, untouched and damaged.
demo-rivals: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml config/demo/rivals.yaml
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo/control.yaml config/demo/rivals.yaml config/demo/rivals_control.yaml

install: .venv/installed

install-tests: .venv/installed-tests

docs: .venv/installed-docs
	$(BIN)/sphinx-build -c docs --fail-on-warning --keep-going --fresh-env --quiet . site
	@echo "Open site/index.html."

lint: .venv/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules workflow/functions
	$(BIN)/mypy workflow/scripts benchmarks

check: lint
	$(PYTEST) tests/unit

test: lint
	$(BIN)/snakemake --lint --configfile config/demo.yaml
	$(BIN)/snakemake --lint --config 'image_sets={real: {folder: demo/photographs}}'
	$(PYTEST)

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is not. Name another: make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) has no ensurepip. Install the package python3-venv (Debian, Ubuntu) and run again."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(TORCH_INDEX) -r requirements.txt
	@touch $@

# The reader of watermarks (docs/claims.md) comes without the second build of OpenCV that it asks for.
.venv/installed-tests: .venv/installed-docs tests/requirements.txt
	$(BIN)/python -m pip install -r tests/requirements.txt
	$(BIN)/python -m pip install --no-deps invisible-watermark==0.2.0 PyWavelets==1.9.0
	@touch $@

.venv/installed-docs: .venv/installed docs/requirements.txt
	$(BIN)/python -m pip install -r docs/requirements.txt
	@touch $@

config/README.md: workflow/schemas/config.schema.yaml .venv/installed
	PYTHONPATH=workflow/scripts $(BIN)/python -m aedr.study.configuration_page $< > $@

docs/tables.md: workflow/scripts/aedr/tables/columns.py workflow/scripts/aedr/tables/schemas.py \
  workflow/scripts/aedr/tables/page.py .venv/installed
	PYTHONPATH=workflow/scripts $(BIN)/python -m aedr.tables.page > $@
