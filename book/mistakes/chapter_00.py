"""Wrong answers to chapter 0, "Tools, in forty minutes"."""

from torch.nn.functional import conv1d, pad


def convolved(mode="constant", turn=False, same=True):
    def answer(row, kernel):
        half = len(kernel) // 2 if same else 0
        around = pad(row[None, None], (half, half), mode=mode) if half else row[None, None]
        return conv1d(around, (kernel.flip(0) if turn else kernel)[None, None]).flatten()

    return answer


def descent(rate):
    def answer(slope):
        x = 0.0
        for _ in range(100):
            x -= rate * slope(x)
        return x

    return answer


WRONG = [
    ("0.1", 84, "padding out"),
    ("0.1", 85, "each side"),
    ("0.1", 88, "the second takes"),
    ("0.1", 90, "width less 1"),
    ("0.1", 50, "width less 1"),
    ("0.1", "some", "a number"),
    ("0.2", convolved(turn=True), "turn the kernel round"),
    ("0.2", convolved(mode="replicate"), "at the two ends"),
    ("0.2", convolved(same=False), "with the shape"),
    ("0.2", lambda row, kernel: row, "came out as"),
    ("0.3", lambda x: (x - x.mean()) / x.std(), "for each photo"),
    ("0.3", lambda x: x - x.mean((1, 2, 3), keepdim=True), "divide by one"),
    ("0.3", lambda x: x.mean((1, 2, 3)), "go away"),
    ("0.3", lambda x: x - x.mean((2, 3), keepdim=True), "each channel"),
    ("0.4", 100, "by the root"),
    ("0.4", 375, "all of them"),
    ("0.4", 50, "too few"),
    ("0.4", "many", "a number"),
    ("0.5", descent(0.1), "a slope that changes its sign"),
    ("0.5", descent(1e-4), "go faster"),
    ("0.5", lambda slope: None, "one number"),
    ("0.5", lambda slope: [slope(x) for x in range(300)], "more than 200"),
]
