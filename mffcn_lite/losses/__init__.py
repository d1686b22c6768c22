"""The paper's objective: each of its terms, and their sum."""

from mffcn_lite.losses.objective import Objective, ObjectiveValue, create_objective
from mffcn_lite.losses.terms import (
    distance,
    gram_matrix,
    l2_loss,
    l2_tv_minimizer,
    nie_loss,
    perceptual_loss,
    texture_distance,
    texture_loss,
    total_variation,
)

__all__ = ["LOSSES", "Objective", "ObjectiveValue", "distance", "gram_matrix", "l2_loss", "l2_tv_minimizer", "nie_loss"]
__all__ += ["create_objective", "perceptual_loss", "texture_distance", "texture_loss", "total_variation"]

# Those that training knows by name; the objective is made of its settings first.
LOSSES = {"l2": l2_loss, "nie": nie_loss, "objective": create_objective}
