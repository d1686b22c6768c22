"""Wrong answers to chapter 2, "How far does interpolation go?"."""

WRONG = [
    ("2.1", lambda s, t: [i * s / t for i in range(t)], "borders line up"),
    ("2.1", lambda s, t: [i * (s - 1) / (t - 1) for i in range(t)], "outer borders"),
    ("2.1", lambda s, t: [(i + 0.5) * s / t for i in range(t)], "centre of its first pixel"),
    ("2.1", lambda s, t: [(i + 0.5) * s / t - 0.5 for i in range(s)], "positions"),
    ("2.1", lambda s, t: [(i + 0.5) * t / s - 0.5 for i in range(t)], "should lie at"),
    ("2.1", lambda s, t: [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25], "positions"),  # hard-coded
    ("2.2", 0, "negative"),
    ("2.2", 1.1111, "how far above 1"),
    ("2.2", -1 / 9, "negative"),
    ("2.2", 0.074, "a = -0.5"),
    ("2.2", 0.5, "too large"),
    ("2.2", 0.01, "too small"),
    ("2.2", "a lot", "give a number"),
    ("2.3", lambda enlarge: -0.5, "a = -0.75"),
    ("2.3", lambda enlarge: None, "found None"),
    ("2.4", lambda enlarge, factor: 0.0, "constant"),
    ("2.4", lambda enlarge, factor: 0.3, "ramp"),
    ("2.4", lambda enlarge, factor: None, "one number"),
    ("2.4", lambda enlarge, factor: 1 / 0, "ZeroDivisionError"),
]
