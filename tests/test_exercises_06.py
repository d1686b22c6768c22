"""Chapter 6's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

from mffcn_lite.exercises import check


def test_a_fixed_side_is_noticed(capsys):
    def leak(patch, training):
        mine = [other for other in training if other[0] == patch[0]]
        same = [other for other in mine if other[1] == patch[1]]
        if any(max(abs(other[2] - patch[2]), abs(other[3] - patch[3])) < 5 for other in same):
            return "pixels"
        return "photo" if same else "person" if mine else "none"

    assert check("6.4", lambda training, testing, side: [leak(patch, training) for patch in testing]) is False
    assert "use `side`" in capsys.readouterr().out
