"""Reference solutions of chapter 14, "The sum, and its balance: who decides?"."""


def times_as_hard() -> float:
    """Exercise 14.1: λ = 20 · 4, and the pulls at 0.5 are λ and 20 · 0.5."""
    weight = 20 * 4
    return weight / (20 * 0.5)


def balance(objective, sr, hr) -> dict[str, float]:
    """Exercise 14.2: lengths of slopes, and the weight that a term has already."""
    norms = objective(sr, hr, gradient_norms=True).gradient_norms
    return {name: objective.weights[name] * (norms["l2"] / norm).item() for name, norm in norms.items()}


def table_of_programs() -> dict[str, str]:
    """Exercise 14.3: ρ is 10⁻⁵, 10⁻⁵, 0.1, 10⁻⁵, 0.65, 0.1, and without an opponent any ρ is enough."""
    counts = {
        "L2 and TV, both sums, [0, 1]": False,
        "L2 and TV, both means, [0, 1]": False,
        "L2 a mean, TV a sum, [0, 1]": True,
        "L2 and TV, both sums, both in 0…255": False,
        "L2 and TV, both sums, TV alone in 0…255": True,
        "L2 and TV, both sums, [0, 1], λ1 = 0.001": True,
        "no L2: TV and a term that sees only the mean of each 4×4 block": True,
    }
    return {program: "counts" if it_does else "negligible" for program, it_does in counts.items()}


def weights_for(weights: dict, old: float, new: float, tv_form: str) -> dict[str, float]:
    """Exercise 14.4: L2 and equation (7) are squares, the classical form a length, and φ sees no change."""
    ratio = old / new
    tv = ratio if tv_form == "isotropic" else ratio**2
    return weights | {"l2": weights["l2"] * ratio**2, "tv": weights["tv"] * tv}


def rest(a: float, p: float, b: float, q: float) -> float:
    """Exercise 14.5: the spring gives way by b/2a at most, and the rope lets go at q."""
    low, high = p - b / (2 * a), p + b / (2 * a)
    return min(max(q, low), high)


SOLUTIONS = {
    "14.1": times_as_hard(),
    "14.2": balance,
    "14.3": table_of_programs(),
    "14.4": weights_for,
    "14.5": rest,
}
