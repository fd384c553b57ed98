"""One thread of torch: the tests run side by side on all cores."""

import torch

torch.set_num_threads(1)
