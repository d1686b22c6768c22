"""What is stored with each result."""

import torch

from mffcn_lite.provenance import describe_environment


def test_the_environment_holds_what_a_number_depends_on():
    found = describe_environment()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["device"].startswith("CPU")
