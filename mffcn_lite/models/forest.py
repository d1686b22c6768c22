"""Super-resolution by a regression forest (in the spirit of Schulter, Leistner and Bischof 2015) (chapter 6)."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.errors import MffcnLiteError, check_number
from mffcn_lite.models.patches import PatchModel, derivatives

DETAILS = 6  # principal components of the details by which scikit-learn judges a split: much faster than all pixels


class RegressionForest(PatchModel):
    """Trees sort patches by their derivatives into leaves; in each leaf a linear map gives the missing detail.

    scikit-learn grows the trees, on random subsets of the pairs. A leaf's map is ridge regression on the pairs that
    fall into it: with one leaf it would be the best linear filter, with many it follows the kind of the patch. The
    trees' results are averaged. (Schulter et al. also choose splits by the derivatives' variance, and cut the trees
    by depth.)

    Args:
        trees: how many.
        leaves: of each tree, at most.
        ridge: added to the mean squares of the leaf's features and of the constant, as a share of all pairs' mean
            square.
        side, stride, components, factors, pairs, seed: see `PatchModel`.

    Raises:
        MffcnLiteError: for numbers out of range.
    """

    name = "forest"
    features = staticmethod(derivatives)
    maps, reach = 4, 2

    def __init__(
        self,
        trees: int = 6,
        leaves: int = 128,
        ridge: float = 0.01,
        side: int = 5,
        stride: int = 2,
        components: int = 28,
        factors: Sequence[int] = (2, 3, 4),
        pairs: int = 200_000,
        seed: int = 0,
    ):
        super().__init__(side, stride, components, factors, pairs, seed)
        check_number("trees", trees, at_least=1, at_most=1000, whole=True)
        check_number("leaves", leaves, at_least=2, at_most=2**16, whole=True)
        check_number("ridge", ridge, above=0)
        self.arguments |= {"trees": trees, "leaves": leaves, "ridge": ridge}
        self.trees, self.leaves, self.ridge = trees, leaves, ridge
        # A tree of n leaves has 2n − 1 nodes. Where a node is a leaf, both of its children are itself.
        nodes = (len(factors), trees, 2 * leaves - 1)
        self.register_buffer("component", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(nodes, dtype=torch.float64))  # rounded, it would fall on a value
        self.register_buffer("below", torch.arange(nodes[2], dtype=torch.int32)[:, None].repeat(*nodes[:2], 1, 2))
        self.register_buffer("leaf", torch.zeros(nodes, dtype=torch.int32))
        # components + 1 rows: the last one is added as it is. Halves: their rounding is far below a grey level.
        self.register_buffer("weights", torch.zeros(*nodes[:2], leaves, components + 1, side**2, dtype=torch.float16))

    def learn(self, i: int, features: Tensor, missing: Tensor) -> None:
        """Grow the trees, then fit a linear map in each leaf."""
        from sklearn.ensemble import RandomForestRegressor  # takes a second to import

        _, vectors = torch.linalg.eigh(missing.T @ missing)  # the last ones explain most
        forest = RandomForestRegressor(
            self.trees,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=2 * features.shape[1],  # more pairs in a leaf than its map has unknowns
            max_features=0.4,
            max_samples=0.6,
            random_state=self.seed,
            n_jobs=-1,
        ).fit(features.float().numpy(), (missing @ vectors[:, -DETAILS:]).numpy())
        rows = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)  # pairs×(components + 1)
        ridge = self.ridge * features.square().mean() * torch.eye(rows.shape[1], dtype=features.dtype)
        for t, tree in enumerate(estimator.tree_ for estimator in forest.estimators_):
            own = np.arange(tree.node_count)
            is_leaf = tree.children_left < 0  # scikit-learn's mark
            children = np.where(is_leaf, own, [tree.children_left, tree.children_right])  # 2×nodes
            self.component[i, t, : len(own)] = torch.from_numpy(np.where(is_leaf, 0, tree.feature))
            self.threshold[i, t, : len(own)] = torch.from_numpy(tree.threshold)
            self.below[i, t, : len(own)] = torch.from_numpy(children.T)
            self.leaf[i, t, : len(own)] = torch.from_numpy(np.cumsum(is_leaf) - 1)
            # Of all pairs, also those that this tree was not grown on; by the walk that will lead to the maps later.
            reached = self.find_leaves(i, features.float())[t]
            for leaf in range(int(is_leaf.sum())):
                inside = reached == leaf
                x, y = rows[inside], missing[inside]
                self.weights[i, t, leaf] = torch.linalg.solve(x.T @ x / len(x) + ridge, x.T @ y / len(x))

    def find_leaves(self, i: int, features: Float[Tensor, "patch component"]) -> Tensor:
        """trees×patches: the number of the leaf of each tree into which each patch falls."""
        component, threshold = self.component[i].long(), self.threshold[i]  # trees×nodes
        children = self.below[i].long()  # trees×nodes×2
        tree, patch = (torch.arange(count, device=features.device) for count in (self.trees, len(features)))
        tree = tree[:, None]
        # All patches walk down all trees at once, a level a round; who has reached a leaf goes to itself.
        node = torch.zeros(self.trees, len(features), dtype=torch.long, device=features.device)
        for _ in range(children.shape[1]):  # no path is longer
            value = features.T[component[tree, node], patch]
            moved = children[tree, node, (value > threshold[tree, node]).long()]
            if torch.equal(moved, node):
                break
            node = moved
        return self.leaf[i].long()[tree, node]

    def check(self) -> None:
        """As every system's; also that the trees branch downwards, to leaves and features that there are.

        Raises:
            MffcnLiteError: if they don't.
        """
        super().check()
        # A child's number is never below its parent's, or a walk could go in a circle.
        own = torch.arange(self.below.shape[2], device=self.below.device)[:, None]
        leaves = self.leaf[(self.below == own).all(-1)]
        ranges = [(self.component, self.basis.shape[2]), (leaves, self.leaves), (self.below, len(own))]
        outside = any((values < 0).any() or (values >= top).any() for values, top in ranges)
        if outside or (self.below < own).any():
            raise MffcnLiteError("the trees of this forest lead nowhere; copy or fit it again")

    def predict_each(self, i: int, features: Float[Tensor, "patch component"]) -> Float[Tensor, "patch pixel"]:
        """The mean over the trees of what the patch's leaves say."""
        rows = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
        total = 0
        for weights, leaves in zip(self.weights[i], self.find_leaves(i, features), strict=True):
            total = total + torch.einsum("pc,pcd->pd", rows, weights.to(rows)[leaves])  # patch×pixel
        return total / self.trees
