"""The names of metrics that configuration, scoring and reconstruction share."""

# Measured in the domain in which a picture was observed (`aedr.reconstruction.observed_losses`), not in pixels.
OBSERVED = ("controlled_l2", "cell_l1", "cell_l2", "refined_l1", "refined_l2", "refined_observed")
# Those that refine, the picture first and then the control.
REFINED = ("refined_l1", "refined_l2", "refined_observed")
