"""Sparse-coding super-resolution (Yang et al. 2010; Zeyde et al. 2010): a pair of dictionaries (chapter 6)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mffcn_lite.context import full_precision
from mffcn_lite.degrade import Images, SmallImages
from mffcn_lite.errors import MffcnLiteError, check_beside, check_flags, check_floats, check_number, described
from mffcn_lite.models.patches import PatchModel, derivatives
from mffcn_lite.models.reconstruction import BackProjection
from mffcn_lite.progress import quiet

MOST_ATOMS, MOST_NONZEROS = 4096, 16  # a patch holds as many rows of its atoms' likeness to all
FLAT = 0.05  # patches of less contrast than this, root of the sum of squares, teach the dictionary nothing


@full_precision
def orthogonal_matching_pursuit(
    signals: Float[Tensor, "signal component"], atoms: Float[Tensor, "atom component"], count: int
) -> tuple[Int[Tensor, "signal count"], Float[Tensor, "signal count"]]:
    """Write each signal as a sum of `count` atoms, greedily: (which atoms, how much of each).

    In each round the atom joins that the rest of the signal resembles most, and the best weights of all those chosen
    are found anew. For all signals at once; the same as scikit-learn's, which takes one signal at a time.

    Args:
        atoms: of length 1.

    Raises:
        MffcnLiteError: if there are not `count` atoms, or they do not fit the signals.
    """
    check_floats("signals", signals)
    check_floats("atoms", atoms)
    check_beside("signals", signals, "atoms", atoms)
    alike = signals.ndim == atoms.ndim == 2 and (signals.shape[1], signals.dtype) == (atoms.shape[1], atoms.dtype)
    if not alike:
        raise MffcnLiteError(f"signals ({described(signals)}) must have the components of atoms ({described(atoms)})")
    check_number("count", count, at_least=1, at_most=len(atoms), whole=True)
    gram, correlation = atoms @ atoms.T, signals @ atoms.T
    chosen = torch.zeros(len(signals), 0, dtype=torch.long, device=signals.device)
    rest, weights = correlation, signals.new_zeros(len(signals), 0)
    # Keeps the equations solvable where two atoms are alike; how much of each is taken then says nothing.
    tiny = torch.finfo(signals.dtype).eps * torch.eye(count, dtype=signals.dtype, device=signals.device)
    for done in range(1, count + 1):
        best = rest.abs().scatter(1, chosen, -1.0).argmax(1, keepdim=True)
        chosen = torch.cat([chosen, best], dim=1)
        among = gram[chosen[:, :, None], chosen[:, None, :]] + tiny[:done, :done]
        weights = torch.linalg.solve(among, correlation.gather(1, chosen)[..., None])[..., 0]
        rest = correlation - torch.einsum("sc,sca->sa", weights, gram[chosen])
    return chosen, weights


class SparseCoding(PatchModel):
    """Writes the derivatives around a patch as a sum of few atoms; the same sum of other atoms is the missing detail.

    The first dictionary is learnt to write the derivatives sparsely (Mairal et al. 2009, by scikit-learn). Each of its
    atoms gets a partner in the second, so that the sums with the codes of the training pairs are nearest to their
    details: Zeyde et al.'s way. Yang et al. learn both dictionaries at once.

    Args:
        atoms: how many, in each dictionary.
        nonzeros: how many of them write a patch.
        sparsity: the weight of Σ abs(code) when the dictionary is learnt.
        back_projection: at the end of `upscale` make the result shrink to the small photo, as Yang et al. do;
            `restore`, which is not given the small photo, leaves that out.
        side, stride, components, factors, pairs, seed: see `PatchModel`.

    Raises:
        MffcnLiteError: for numbers out of range.
    """

    name = "sparse"
    features = staticmethod(derivatives)
    maps, reach = 4, 2

    def __init__(
        self,
        atoms: int = 512,
        nonzeros: int = 3,
        sparsity: float = 0.3,
        back_projection: bool = False,
        side: int = 5,
        stride: int = 2,
        components: int = 28,
        factors: Sequence[int] = (2, 3, 4),
        pairs: int = 30_000,
        seed: int = 0,
    ):
        super().__init__(side, stride, components, factors, pairs, seed)
        check_number("atoms", atoms, at_least=1, at_most=MOST_ATOMS, whole=True)
        check_number("nonzeros", nonzeros, at_least=1, at_most=min(MOST_NONZEROS, atoms, components), whole=True)
        check_number("sparsity", sparsity, above=0)
        check_flags(back_projection=back_projection)
        self.arguments |= {"atoms": atoms, "nonzeros": nonzeros, "sparsity": sparsity}
        self.arguments |= {"back_projection": back_projection}
        self.nonzeros, self.sparsity, self.back_projection = nonzeros, sparsity, back_projection
        if back_projection:
            self.works_on, self.radius = "small", None
        self.register_buffer("atoms", torch.zeros(len(factors), atoms, components, dtype=torch.float32))
        self.register_buffer("details", torch.zeros(len(factors), atoms, side**2, dtype=torch.float32))

    def learn(self, i: int, features: Tensor, missing: Tensor) -> None:
        """Learn the first dictionary, then the second by least squares."""
        from sklearn.decomposition import MiniBatchDictionaryLearning  # takes a second to import

        count = self.atoms.shape[1]
        length = features.norm(dim=1, keepdim=True)
        signals = (features / length)[length[:, 0] > FLAT].numpy()
        if len(signals) < count:
            raise MffcnLiteError(f"only {len(signals)} patches are not flat, too few to learn {count} atoms from")
        learner = MiniBatchDictionaryLearning(
            count, alpha=self.sparsity, max_iter=5, batch_size=256, fit_algorithm="cd", random_state=self.seed
        )
        with quiet:  # a code need not be exact to learn by
            atoms = torch.from_numpy(learner.fit(signals).components_)
        atoms = atoms / atoms.norm(dim=1, keepdim=True)
        chosen, weights = orthogonal_matching_pursuit(features, atoms, self.nonzeros)
        codes = torch.zeros(len(features), count, dtype=features.dtype).scatter_(1, chosen, weights)
        squares = codes.T @ codes
        squares.diagonal().add_(1e-6 * squares.diagonal().mean())  # an atom that nothing uses gets no detail
        self.atoms[i], self.details[i] = atoms, torch.linalg.solve(squares, codes.T @ missing)

    def predict_each(self, i: int, features: Float[Tensor, "patch component"]) -> Float[Tensor, "patch pixel"]:
        """The sum of the second dictionary's atoms."""
        chosen, weights = orthogonal_matching_pursuit(features, self.atoms[i].to(features), self.nonzeros)
        return torch.einsum("sc,scp->sp", weights, self.details[i].to(features)[chosen])

    @full_precision
    def upscale(self, small: SmallImages, size: tuple[int, int]) -> Images:
        """Enlarge a batch to `size` = (height, width), not clamped."""
        sr = super().upscale(small, size)
        return BackProjection().refine(sr, small) if self.back_projection else sr
